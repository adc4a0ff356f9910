// tests/bench/import.mjs: what a person's create waits for while rows are imported, for one tree or several in turn.
//
//   PAIRS=5 ROWS=6000 CLIENTS=4 node tests/bench/import.mjs [TREE …]
//
// A tree is a checkout with build/tidemill in it; without one, this. In each round each tree serves the demo client from new
// data, imports ROWS opportunities, and meanwhile takes creates of leads from CLIENTS clients, each of which waits 20 ms between
// two. Figures are medians over the rounds, with the smallest and the largest.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { root, start } from '../support/server.mjs';

const rounds = Number(process.env.PAIRS ?? 5);
const rows = Number(process.env.ROWS ?? 6000);
const clients = Number(process.env.CLIENTS ?? 4);
const trees = process.argv.length > 2 ? process.argv.slice(2).map((tree) => resolve(tree)) : [root];

const folder = await mkdtemp(join(tmpdir(), 'tidemill-bench-'));
const [header, ...pipeline] = (await readFile(join(root, 'config/clients/demo/data/maven-crm/sales_pipeline.csv'), 'utf8')).trim()
  .split('\n');
const file = join(folder, 'rows.csv');
await writeFile(file, [header, ...Array.from({ length: rows }, (_, i) => (
  pipeline[i % pipeline.length].replace(/^[^,]*/, `BENCH${i}`)))].join('\n'));

const later = (ms) => new Promise((done) => setTimeout(done, ms));

async function round(tree) {
  const server = await start({ program: join(tree, 'build/tidemill'), config: join(tree, 'config/tidemill.lua'), cwd: tree });
  try {
    const admin = await server.log_in('admin');
    const waits = [];
    const began = performance.now();
    let over = false;
    const running = new Promise((done, failed) => {
      execFile(join(tree, 'build/tidemill'), ['import', 'opportunity', file, '--data', server.data, '--json'], { cwd: tree },
        (error, stdout) => (error && !stdout.startsWith('{') ? failed(error) : done(JSON.parse(stdout))));
    }).finally(() => { over = true; });
    const create = async (client) => {
      for (let i = 0; !over; i += 1) {
        const sent = performance.now();
        const { status } = await admin.post('/api/v1/lead', { name: `Bench ${client} ${i}`, region: 'east', score: 62 });
        if (status !== 201) throw new Error(`a create was answered ${status}`);
        waits.push(performance.now() - sent);
        await later(20);
      }
    };
    const [report] = await Promise.all([running, ...Array.from({ length: clients }, (_, client) => create(client))]);
    const seconds = (performance.now() - began) / 1000;
    waits.sort((a, b) => a - b);
    const at = (share) => waits[Math.min(waits.length - 1, Math.floor(share * waits.length))];
    return { rate: report.rows / seconds, creates: waits.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  } finally {
    await server.stop();
  }
}

const spread = (values, digits) => {
  const sorted = [...values].sort((a, b) => a - b);
  const say = (value) => value.toFixed(digits);
  return `${say(sorted[sorted.length >> 1])} (${say(sorted[0])} … ${say(sorted.at(-1))})`;
};

const found = new Map(trees.map((tree) => [tree, []]));
for (let i = 0; i < rounds; i += 1) {
  for (const tree of i % 2 === 0 ? trees : [...trees].reverse()) found.get(tree).push(await round(tree));
}
console.log(`${rounds} rounds; ${rows} rows are imported beside ${clients} clients`);
for (const [tree, figures] of found) {
  const of = (name, digits) => spread(figures.map((one) => one[name]), digits);
  console.log(`${tree}\n  create    median ${of('p50', 1)} ms, 99th percentile ${of('p99', 1)} ms, longest ${of('max', 1)} ms, ` +
    `${of('creates', 0)} of them\n  import    ${of('rate', 0)} rows a second`);
}
await rm(folder, { recursive: true, force: true });
