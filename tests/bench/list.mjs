// tests/bench/list.mjs: lists of 50 with filter, sort and policy on a million leads (make million), at a steady 200 a second, for
// people who see 100, 500, 5,000, 150,000 and all of them, and a manager who sees all by each of 234 units; alone, and while a
// report over all of them is asked for again and again. A time runs from when the request was due.

import { join } from 'node:path';

import { root, start } from '../support/server.mjs';
import { copy_of, pairs, progress, request_text, seconds, spread, steady } from './common.mjs';

const RATE = 200;
const people = ['million.100', 'million.500', 'million.5000', 'million.150000', 'hq', 'million.everywhere'];
const report = '/api/v1/lead/summary?by=stage,channel,region&sum=score&count';

// Pages of each stage from various places on.
function requests_of(url, clients) {
  const list = [];
  for (const stage of ['accepted', 'offered', 'converted']) {
    for (const below of [100, 80, 60, 40]) {
      for (const [name, client] of clients) {
        const path = `/api/v1/lead?stage=${stage}&score.le=${below}&sort=-score&limit=50`;
        list.push({ name, text: request_text(url, client.cookie, 'GET', path) });
      }
    }
  }
  return list;
}

// Asks for reports, one after another, until told to stop; how long each took.
function begin_reports(client) {
  let stopped = false;
  const times = [];
  const ended = (async () => {
    while (!stopped) {
      const began = performance.now();
      const { status, text } = await client.get(report);
      if (status !== 200) throw new Error(`${report}: ${status} ${text}`);
      times.push(performance.now() - began);
    }
  })();
  return { times, stop: () => { stopped = true; return ended; } };
}

function print(title, found) {
  const all = (pick) => spread(found.map(pick), 2).trim();
  console.log(`  ${title}`);
  for (const [i, { name }] of found[0].groups.entries()) {
    console.log(`    ${name.padEnd(20)} median ${all((one) => one.groups[i].p50)} ms, 99th percentile ${all((one) => one.groups[i].p99)} ms, ` +
      `slowest ${all((one) => one.groups[i].max)} ms`);
  }
  console.log(`    CPU ${all((one) => one.cpu_us)} µs a list${found.some(({ late }) => late > 0) ? `; late ${all(({ late }) => late)}` : ''}`);
}

export async function measure({ config }) {
  const server = await start({ config, data: await copy_of(join(root, 'build/million'), 'list') });
  const alone = [];
  const beside = [];
  const reports = [];
  try {
    const clients = [];
    for (const name of people) clients.push([name, await server.log_in(name)]);
    const reader = clients[4][1];
    const requests = requests_of(server.url, clients);
    await steady(server.child.pid, server.url, RATE, 2, requests);
    for (let pair = 0; pair < pairs; pair += 1) {
      for (const kind of pair % 2 === 0 ? ['alone', 'beside'] : ['beside', 'alone']) {
        const under_way = kind === 'beside' ? begin_reports(reader) : null;
        (under_way ? beside : alone).push(await steady(server.child.pid, server.url, RATE, seconds * 3, requests));
        if (under_way) {
          await under_way.stop();
          reports.push(...under_way.times);
        }
      }
      progress('list', pair);
    }
  } finally {
    await server.stop();
  }
  console.log(`list of 50 of a million, filter, sort and policy, ${RATE} a second, ${seconds * 3} s a run`);
  print('alone', alone);
  print(`while reports are read (${reports.length}, each ${spread(reports.map((ms) => ms / 1000), 2).trim()} s); CPU is with theirs`, beside);
}
