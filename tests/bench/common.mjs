// tests/bench/common.mjs: what the lines of the bench share: data, load, processor time, medians.

import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { root, start } from '../support/server.mjs';

export const run = promisify(execFile);
export const pairs = Number(process.env.PAIRS ?? 9);
export const seconds = Number(process.env.SECONDS ?? 3);
export const connections = 64;
export const threads = availableParallelism();
export const folder = join(root, 'build/bench');
export const work = join(folder, 'work');
const ticks_per_second = 100;

// The repository's sources under settings that write no line for each request: the plain C side writes none either. With
// `own_plugins` they are copied, to be changed; `client` is a further client pack, a folder.
export async function make_config(name = 'root', { own_plugins = false, client } = {}) {
  const own = join(work, name);
  await mkdir(join(own, 'config/clients'), { recursive: true });
  await symlink(join(root, 'scripts'), join(own, 'scripts'));
  if (own_plugins) await cp(join(root, 'plugins'), join(own, 'plugins'), { recursive: true });
  else await symlink(join(root, 'plugins'), join(own, 'plugins'));
  await symlink(join(root, 'config/clients/demo'), join(own, 'config/clients/demo'));
  let settings = await readFile(join(root, 'config/tidemill.lua'), 'utf8');
  const set = (from, to) => {
    if (!from.test(settings)) throw new Error(`config/tidemill.lua no longer says ${from}`);
    settings = settings.replace(from, to);
  };
  set(/\blog_requests = true/, 'log_requests = false');
  if (client) {
    await symlink(join(root, client), join(own, 'config/clients/bench'));
    set(/\bclients = \{ "demo" \}/, 'clients = { "demo", "bench" }');
  }
  await writeFile(join(own, 'config/tidemill.lua'), settings);
  return join(own, 'config/tidemill.lua');
}

// The demo data, once, with two sessions in it, and what will be asked for.
export async function preload(config, name = 'preloaded') {
  const data = join(work, name);
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

export async function copy_of(data, name) {
  const copy = join(work, name);
  await rm(copy, { recursive: true, force: true });
  await cp(data, copy, { recursive: true, filter: (path) => !/\.(sock|lock|log)$/.test(path) });
  return copy;
}

export const database_in = (data) => join(data, 'tenants/demo/tenant.db');

// Seconds of processor that the threads of a process have used.
export async function cpu_of(pid) {
  let ticks = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticks_per_second;
}

// Puts a load on the process for a while: operations per second, CPU per operation, latencies.
export async function load(pid, script, url, env) {
  const before = await cpu_of(pid);
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', `tests/bench/${script}`, url],
    { cwd: root, env: { ...process.env, ...env } });
  const used = (await cpu_of(pid)) - before;
  const figures = JSON.parse(stdout.trim().split('\n').pop());
  if (figures.requests === 0 || figures.refused > 0 || figures.broken > 0) throw new Error(`${url}: ${JSON.stringify(figures)}`);
  return {
    rate: figures.requests / figures.seconds, cpu_us: (used / figures.requests) * 1e6, p50: figures.p50_ms, p99: figures.p99_ms,
    max: figures.max_ms,
  };
}

// Asks at a steady rate: figures of each group, and how many answers were late.
export async function steady(pid, url, rate, for_seconds, requests) {
  const before = await cpu_of(pid);
  const child = execFile(join(folder, 'steady'), [new URL(url).port, String(rate), String(for_seconds), String(connections)],
    { maxBuffer: 1 << 24 });
  const ended = new Promise((done, failed) => child.on('close', (code) => (code === 0 ? done() : failed(new Error(`steady: ${code}`)))));
  let output = '';
  child.stdout.on('data', (text) => { output += text; });
  child.stderr.pipe(process.stderr);
  child.stdin.end(requests.map(({ name, text }) => `${name}\t${JSON.stringify(text).slice(1, -1)}\n`).join(''));
  await ended;
  const lines = output.trim().split('\n').map((line) => JSON.parse(line));
  const { late } = lines.pop();
  const answers = lines.reduce((sum, group) => sum + group.answers, 0);
  const refused = lines.reduce((sum, group) => sum + group.refused, 0);
  if (refused > 0) throw new Error(`${refused} requests were refused: ${output}`);
  return { groups: lines, late, cpu_us: (((await cpu_of(pid)) - before) / answers) * 1e6 };
}

export const request_text = (url, cookie, method, path, body) => `${method} ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
  `Cookie: ${cookie}\r\n` + (body === undefined ? '\r\n'
  : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

export async function replay(...args) {
  const { stdout } = await run(join(folder, 'replay'), args, { maxBuffer: 1 << 24 });
  const figures = { statements: [] };
  for (const line of stdout.trim().split('\n')) {
    const [word, value, ...text] = line.split(' ');
    if (word === 'ran') figures.statements.push({ runs: Number(value), sql: text.join(' ') });
    else figures[word] = Number(value);
  }
  return figures;
}

export function progress(what, pair) {
  if (process.stderr.isTTY) process.stderr.write(`\r${what}: pair ${pair + 1} of ${pairs}   ${pair + 1 === pairs ? '\r\x1b[K' : ''}`);
}

export function spread(values, digits) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  const say = (value) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${say(median).padStart(8)} (${say(sorted[0])} … ${say(sorted[sorted.length - 1])})`;
}

export function print_sides(what, found) {
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

