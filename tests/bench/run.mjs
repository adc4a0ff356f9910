// tests/bench/run.mjs: creates and gets through HTTP, beside plain C doing as much, in interleaved pairs.
//
//   PAIRS=9 SECONDS=3 node tests/bench/run.mjs
//
// get      server: GET of one record by id, with a session and a unit's policy, 64 connections, no pipelining
//          plain C: reference_get answers the same bytes, with as many threads
// create   server: POST of a record that a decision routes and a rule acts on, durable before the answer
//          plain C: replay runs the statements of that very run, commits at the same places, on a copy of the database
//                   with which it began
//
// Each figure is the median over the pairs, with the smallest and the largest. CPU is the time of the server's threads (user
// and system) for each operation; the wall clock also holds the load generator, which shares the processors.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { root, start } from '../support/server.mjs';
import { reason_of } from './reasons.mjs';

const run = promisify(execFile);
const pairs = Number(process.env.PAIRS ?? 9);
const seconds = Number(process.env.SECONDS ?? 3);
const connections = 64;
const threads = availableParallelism();
const folder = join(root, 'build/bench');
const work = join(folder, 'work');
const ticks_per_second = 100;

// The repository's sources under settings that write no line for each request: the plain C side writes none either.
async function make_config() {
  const own = join(work, 'root');
  await mkdir(join(own, 'config'), { recursive: true });
  for (const name of ['scripts', 'plugins', 'config/clients']) await symlink(join(root, name), join(own, name));
  const settings = await readFile(join(root, 'config/tidemill.lua'), 'utf8');
  const quiet = settings.replace(/\blog_requests = true/, 'log_requests = false');
  if (quiet === settings) throw new Error('config/tidemill.lua no longer says log_requests = true');
  await writeFile(join(own, 'config/tidemill.lua'), quiet);
  return join(own, 'config/tidemill.lua');
}

// The demo data, once, with two sessions in it, and what will be asked for.
async function preload(config) {
  const data = join(work, 'preloaded');
  const server = await start({ config, data });
  const admin = await server.log_in('admin');
  const anna = await server.log_in('anna.snelling');
  const product = (await admin.get('/api/v1/product?limit=1')).body.data[0].id;
  const own = (await anna.get('/api/v1/opportunity?limit=1')).body.data[0].id;
  const lead = {
    name: 'Bench %d', company: 'Acme Works %d', phone: '+1 555 0100', source: 'web', region: 'east', score: 62, product,
  };
  const path = `/api/v1/opportunity/${own}`;
  const end = await server.stop();
  if (end.code !== 0) throw new Error(`the server ended with ${JSON.stringify(end)}:\n${server.logs}`);
  return { data, path, anna: anna.cookie, admin: admin.cookie, body: JSON.stringify(lead) };
}

async function copy_of(data, name) {
  const copy = join(work, name);
  await rm(copy, { recursive: true, force: true });
  await cp(data, copy, { recursive: true, filter: (path) => !/\.(sock|lock|log)$/.test(path) });
  return copy;
}

const database_in = (data) => join(data, 'tenants/demo/tenant.db');

// Seconds of processor that the threads of a process have used.
async function cpu_of(pid) {
  let ticks = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticks_per_second;
}

// Puts a load on the process for a while: operations per second, CPU per operation, latencies.
async function load(pid, script, url, env) {
  const before = await cpu_of(pid);
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', `tests/bench/${script}`, url],
    { cwd: root, env: { ...process.env, ...env } });
  const used = (await cpu_of(pid)) - before;
  const figures = JSON.parse(stdout.trim().split('\n').pop());
  if (figures.requests === 0 || figures.refused > 0 || figures.broken > 0) throw new Error(`${url}: ${JSON.stringify(figures)}`);
  return {
    rate: figures.requests / figures.seconds, cpu_us: (used / figures.requests) * 1e6, p50: figures.p50_ms, p99: figures.p99_ms,
  };
}

// One answer of the server as its bytes.
async function raw_answer(url, path, cookie) {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  const parts = [];
  for await (const part of socket) parts.push(part);
  const bytes = Buffer.concat(parts);
  if (!bytes.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(bytes.toString());
  return bytes;
}

async function free_port() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

async function measure_gets(config, demo) {
  const server = await start({ config, data: await copy_of(demo.data, 'get') });
  const answer = join(work, 'answer');
  await writeFile(answer, await raw_answer(server.url, demo.path, demo.anna));
  const port = await free_port();
  const plain = spawn(join(folder, 'reference_get'), [String(port), String(threads), answer], { stdio: 'inherit' });
  try {
    await new Promise((later) => setTimeout(later, 200));
    const sides = [
      ['server', server.child.pid, server.url + demo.path], ['plain', plain.pid, `http://127.0.0.1:${port}${demo.path}`],
    ];
    const found = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const figures = {};
      // Who goes first changes, so that neither always follows the other.
      for (const [side, pid, url] of pair % 2 === 0 ? sides : [...sides].reverse()) {
        figures[side] = await load(pid, 'get.lua', url, { COOKIE: demo.anna });
      }
      found.push(figures);
      progress('get', pair);
    }
    return { found, bytes: (await readFile(answer)).length };
  } finally {
    plain.kill('SIGKILL');
    await server.stop();
  }
}

async function replay(...args) {
  const { stdout } = await run(join(folder, 'replay'), args, { maxBuffer: 1 << 24 });
  const figures = { statements: [] };
  for (const line of stdout.trim().split('\n')) {
    const [word, value, ...text] = line.split(' ');
    if (word === 'ran') figures.statements.push({ runs: Number(value), sql: text.join(' ') });
    else figures[word] = Number(value);
  }
  return figures;
}

async function measure_creates(config, demo) {
  const found = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const record = join(work, 'record');
    const data = await copy_of(demo.data, 'create');
    const server = await start({ config, data, args: ['--record', record] });
    let own;
    try {
      own = await load(server.child.pid, 'post.lua', `${server.url}/api/v1/lead`, { COOKIE: demo.admin, BODY: demo.body });
    } finally {
      await server.stop();
    }

    const again = await replay(database_in(await copy_of(demo.data, 'replay')), record);
    const { rows } = await replay(database_in(data));
    if (rows !== again.rows) throw new Error(`the replay left ${again.rows} rows in the log, the server ${rows}`);
    const creates = again.statements.filter(({ sql }) => /^INSERT INTO "?lead"?\b/.test(sql)).reduce((sum, { runs }) => sum + runs, 0);
    if (creates === 0) throw new Error('the record holds no create');
    const plain = { rate: creates / again.seconds, cpu_us: (again.cpu / creates) * 1e6 };
    found.push({ server: own, plain, creates, runs: again.runs, commits: again.commits, statements: again.statements });
    progress('create', pair);
  }
  return found;
}

function progress(what, pair) {
  if (process.stderr.isTTY) process.stderr.write(`\r${what}: pair ${pair + 1} of ${pairs}   ${pair + 1 === pairs ? '\r\x1b[K' : ''}`);
}

function spread(values, digits) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  const say = (value) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${say(median).padStart(8)} (${say(sorted[0])} … ${say(sorted[sorted.length - 1])})`;
}

function print_sides(what, found) {
  for (const [side, title] of [['server', 'server'], ['plain', 'plain C']]) {
    const rate = spread(found.map((pair) => pair[side].rate), 0);
    const cpu = spread(found.map((pair) => pair[side].cpu_us), 1);
    console.log(`  ${title.padEnd(8)} ${rate} a second    CPU ${cpu} µs per ${what}`);
  }
  console.log(`  latency   median ${spread(found.map((pair) => pair.server.p50), 2).trim()} ms, ` +
    `99th percentile ${spread(found.map((pair) => pair.server.p99), 2).trim()} ms`);
  console.log(`  server / plain C: rate ${spread(found.map(({ server, plain }) => (100 * server.rate) / plain.rate), 0)} %, ` +
    `CPU ${spread(found.map(({ server, plain }) => server.cpu_us / plain.cpu_us), 2)} ×`);
}

// What one create costs in statements, in the run of the last pair; begins and ends of groups are shared.
function print_statements({ creates, runs, commits, statements }) {
  console.log(`  statements per create ${(runs / creates).toFixed(2)}, creates per commit ${(creates / commits).toFixed(1)}`);
  for (const { runs: count, sql } of [...statements].sort((a, b) => b.runs - a.runs)) {
    const text = sql.length > 96 ? `${sql.slice(0, 95)}…` : sql;
    if (count / creates >= 0.005) console.log(`    ${(count / creates).toFixed(2).padStart(6)}  ${text}\n            ${reason_of(sql)}`);
  }
}

await rm(work, { recursive: true, force: true });
const config = await make_config();
const demo = await preload(config);
console.log(`${threads} × ${cpus()[0].model}, Linux ${release()}; ${pairs} interleaved pairs of ${seconds} s, ${connections} connections\n`);

const { found: gets, bytes } = await measure_gets(config, demo);
console.log(`get (${bytes} bytes an answer)`);
print_sides('get', gets);

const creates = await measure_creates(config, demo);
console.log('\ncreate');
print_sides('create', creates);
print_statements(creates[creates.length - 1]);
await rm(work, { recursive: true, force: true });
