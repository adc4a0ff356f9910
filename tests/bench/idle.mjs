// tests/bench/idle.mjs: what idle connections cost the server.
//
//   make bench BENCH=idle CONNECTIONS=10000
//
// Fresh ones have said nothing, kept ones have had an answer. The memory is what the process has for itself alone
// (Private_* in smaps_rollup); what the kernel holds for its sockets is not in it. CPU is that of the server's threads in
// five seconds in which nobody asks. What it takes to answer while they are there is shown by a get beside them.

import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { start } from '../support/server.mjs';

const wanted = Number(process.env.CONNECTIONS ?? 10000);
const quiet_seconds = 5;
const later = (ms) => new Promise((done) => setTimeout(done, ms));

// KiB.
async function private_memory(pid) {
  const lines = (await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')).matchAll(/^Private_\w+: +(\d+) kB/gm);
  return [...lines].reduce((sum, [, size]) => sum + Number(size), 0);
}

async function cpu_seconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function open_one(url, asks) {
  const { hostname, port } = new URL(url);
  return new Promise((ready, failed) => {
    const socket = connect(Number(port), hostname, () => {
      if (asks) socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      else ready(socket);
    });
    socket.once('data', () => ready(socket));
    socket.once('error', failed);
  });
}

// A hundred at once, so that the listener's backlog holds them.
async function open_all(url, count, asks) {
  const sockets = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(100, count - sockets.length) }, () => open_one(url, asks));
    sockets.push(...await Promise.all(batch));
  }
  return sockets;
}

async function measure_idle(server, title, asks) {
  const { pid } = server.child;
  await later(1000);
  const before = await private_memory(pid);
  const sockets = await open_all(server.url, wanted, asks);
  await later(500);
  const after = await private_memory(pid);
  const files = (await readdir(`/proc/${pid}/fd`)).length;
  if (files < wanted) throw new Error(`the server has ${files} files open only: raise ulimit -n`);

  const began = await cpu_seconds(pid);
  await later(quiet_seconds * 1000);
  const cpu = ((await cpu_seconds(pid)) - began) / quiet_seconds;
  const asked = performance.now();
  if ((await server.nobody.get('/healthz')).status !== 200) throw new Error('the server does not answer');
  const answered = performance.now() - asked;

  for (const socket of sockets) socket.destroy();
  console.log(`  ${title.padEnd(6)} ${((after - before) / wanted).toFixed(2)} KiB each, ${((after - before) / 1024).toFixed(1)} MiB for `
    + `${wanted.toLocaleString('en')}; CPU ${(cpu * 100).toFixed(1)} % of a core while idle; one more is answered in ${answered.toFixed(1)} ms`);
}

// A server of its own, so that no memory is there already.
async function with_server(title, asks) {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-idle-'));
  const server = await start({ data: join(folder, 'data') });
  try {
    await measure_idle(server, title, asks);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function measure() {
  console.log('idle connections');
  await with_server('fresh', false);
  await with_server('kept', true);
}
