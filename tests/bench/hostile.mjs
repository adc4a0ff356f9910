// tests/bench/hostile.mjs: what people notice while every snippet of tests/faults/hostile runs at once.
//
//   SECONDS=30 GETS=200 CREATES=10 node tests/bench/hostile.mjs
//
// People read one record, GETS times a second, and create leads, CREATES times a second; each request is sent when its time has
// come, whatever became of those before, and its latency counts from there. First they are alone, for half of SECONDS; then
// all snippets are asked for at the same time, and each again as soon as it is answered, for the rest. Reported: how
// many requests of people failed (none may), and the 99th percentile of a get (the bar is 20 ms). The load generator shares
// the processors with the server.

import { Agent, request } from 'node:http';
import { availableParallelism, cpus, release } from 'node:os';

import { make_hostile_root } from '../support/hostile.mjs';
import { start } from '../support/server.mjs';

const seconds = Number(process.env.SECONDS ?? 30);
const rates = { get: Number(process.env.GETS ?? 200), create: Number(process.env.CREATES ?? 10) };
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

// The status of an answer; 0 when there was none.
function ask(client, method, path, body) {
  return new Promise((done) => {
    const headers = { cookie: client.cookie, ...(body ? { 'content-type': 'application/json' } : {}) };
    const asked = request(client.url + path, { method, headers, agent }, (answer) => {
      answer.resume();
      answer.on('end', () => done(answer.statusCode)).on('error', () => done(0));
    });
    asked.on('error', () => done(0));
    asked.end(body);
  });
}

// Sends at a steady rate until `until`; the latencies, and the statuses that were not expected.
async function people(rate, until, expected, send) {
  const latencies = [];
  const failed = [];
  const under_way = [];
  const began = performance.now();
  for (let i = 0; ; i += 1) {
    const due = began + (i * 1000) / rate;
    if (due >= until) break;
    const pause = due - performance.now();
    if (pause > 0) await new Promise((later) => setTimeout(later, pause));
    under_way.push(send(i).then((status) => {
      latencies.push(performance.now() - due);
      if (status !== expected) failed.push(status);
    }));
  }
  await Promise.all(under_way);
  return { latencies: latencies.sort((a, b) => a - b), failed };
}

async function both(client, until) {
  const lead = JSON.stringify({ name: 'Neighbour', region: 'east', score: 62 });
  const [gets, creates] = await Promise.all([
    people(rates.get, until, 200, () => ask(client, 'GET', client.path)),
    people(rates.create, until, 201, () => ask(client, 'POST', '/api/v1/lead', lead)),
  ]);
  return { gets, creates };
}

const hostile = await make_hostile_root();
const server = await start({ config: hostile.root.config, cwd: hostile.root.path });
try {
  const admin = await server.log_in('admin');
  const victim = (await admin.post('/api/v1/victim', { name: 'as it was' })).body.data.id;
  admin.path = `/api/v1/victim/${victim}`;

  const calm = await both(admin, performance.now() + (seconds * 1000) / 2);
  const until = performance.now() + (seconds * 1000) / 2;
  const counts = new Map();
  const attackers = hostile.snippets.map(async ({ name }) => {
    while (performance.now() < until) {
      const status = await ask(admin, 'POST', `${admin.path}/${name}`);
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (status === 503) return; // its route is shut for a minute
    }
  });
  const under_fire = await both(admin, until);
  await Promise.all(attackers);

  const at = (list, part) => list[Math.min(list.length - 1, Math.floor(list.length * part))]?.toFixed(1).padStart(8);
  const say = (what, { latencies, failed }) => console.log(`  ${what.padEnd(20)} ${String(latencies.length).padStart(6)} requests, `
    + `${failed.length} failed${failed.length > 0 ? ` (${[...new Set(failed)].join(', ')})` : ''};  `
    + `median ${at(latencies, 0.5)} ms, 99th percentile ${at(latencies, 0.99)} ms, longest ${at(latencies, 1)} ms`);
  console.log(`${availableParallelism()} × ${cpus()[0].model}, Linux ${release()}; ${rates.get} gets and ${rates.create} creates a second\n`);
  console.log('hostile');
  say('get, alone', calm.gets);
  say('get, under fire', under_fire.gets);
  say('create, alone', calm.creates);
  say('create, under fire', under_fire.creates);
  const states = (server.logs.match(/made for a thread that had none/g) ?? []).length;
  console.log(`  ${hostile.snippets.length} snippets at once: ${[...counts].sort().map(([status, count]) => `${count} × ${status}`).join(', ')}; `
    + `${states} states made again`);
} finally {
  agent.destroy();
  await server.stop();
  await hostile.root.remove();
}
