// tests/bench/run.mjs: measures the server, a line at a time.
//
//   PAIRS=9 SECONDS=3 node tests/bench/run.mjs [LINE …]
//
// Each line is a file of this folder that says at its top what it measures. Where something is held against a reference or
// another state of the server, the two take turns. Each figure is the median over the pairs, with the smallest and the
// largest. CPU is the time of the server's threads (user and system) for each operation; the wall clock also holds the
// load generator, which shares the processors.

import { rm } from 'node:fs/promises';
import { cpus, loadavg, release } from 'node:os';

import { connections, make_config, pairs, preload, seconds, threads, work } from './common.mjs';

const lines = ['get', 'create', 'list', 'summary', 'import', 'reload', 'memory', 'idle', 'tenants'];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : lines;
for (const line of chosen) {
  if (!lines.includes(line)) {
    console.error(`there is no line "${line}"; there are ${lines.join(', ')}`);
    process.exit(2);
  }
}

await rm(work, { recursive: true, force: true });
const config = await make_config();
const needs_demo = chosen.some((line) => ['get', 'create', 'import', 'reload'].includes(line));
const demo = needs_demo ? await preload(config) : null;
console.log(`${threads} × ${cpus()[0].model}, Linux ${release()}, ${new Date().toISOString().slice(0, 10)}; ` +
  `${pairs} interleaved pairs of ${seconds} s, ${connections} connections; load of the machine before: ${loadavg()[0].toFixed(2)}`);
for (const line of lines.filter((one) => chosen.includes(one))) {
  console.log('');
  const { measure } = await import(`./${line}.mjs`);
  await measure({ config, demo });
}
await rm(work, { recursive: true, force: true });
