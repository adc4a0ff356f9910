// tests/bench/tenants.mjs: 200 companies in one server: how long the first request of each takes, which opens it (a new
// database the first time, what is there the second), and what the server holds in memory, descriptors and threads.

import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';

import { start } from '../support/server.mjs';
import { threads, work } from './common.mjs';

const count = 200;

// fetch sets Host itself.
function ask(url, host) {
  return new Promise((done, failed) => {
    request(`${url}/api/v1/session`, { headers: { host }, agent: false }, (answer) => {
      answer.resume().on('end', () => done(answer.statusCode));
    }).on('error', failed).end();
  });
}

async function holds(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, number]) => sum + Number(number), 0);
  const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
  const tasks = (await readdir(`/proc/${pid}/task`)).length;
  return `${(kib / 1024).toFixed(0)} MiB private, ${descriptors} descriptors, ${tasks} threads`;
}

function told(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.floor(part * (sorted.length - 1))].toFixed(0);
  return `median ${at(0.5)} ms, 99th percentile ${at(0.99)} ms, longest ${at(1)} ms`;
}

async function visit(server) {
  const times = [];
  for (let i = 1; i <= count; i += 1) {
    const began = performance.now();
    const status = await ask(server.url, `t${i}.example`);
    times.push(performance.now() - began);
    if (status !== 401) throw new Error(`t${i}: ${status}`);
  }
  return times;
}

export async function measure({ config }) {
  const settings = join(dirname(config), 'tenants.lua');
  const data = join(work, 'tenants');
  const text = await readFile(config, 'utf8');
  for (const open of [16, count]) {
    await rm(data, { recursive: true, force: true });
    await writeFile(settings, text
      .replace(/clients = \{.*\},/, 'clients = {},')
      .replace(/tenant = .*,/, `tenant = "t1", open_tenants = ${open}, tenants = (function()
        local all = {}
        for i = 1, ${count} do all["t" .. i] = { hosts = { "t" .. i .. ".example" } } end
        return all
      end)(),`));
    const server = await start({ config: settings, data });
    const { pid } = server.child;
    console.log(`tenants: ${count}, of which ${open} are open at most, ${threads} workers`);
    console.log(`  after the start           ${await holds(pid)}`);
    console.log(`  first request, new        ${told(await visit(server))}`);
    if (open < count) console.log(`  first request, reopened   ${told(await visit(server))}`);
    console.log(`  then                      ${await holds(pid)}`);
    await server.stop();
  }
}
