// tests/bench/memory.mjs: private memory of the server with the demo client after its start, nothing asked yet but whether it
// is ready; with the demo data already there.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { start } from '../support/server.mjs';
import { pairs, progress, spread, threads, work } from './common.mjs';

async function private_mib(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, number]) => sum + Number(number), 0);
  return kib / 1024;
}

export async function measure({ config }) {
  const data = join(work, 'memory');
  await (await start({ config, data })).stop();
  const found = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const server = await start({ config, data });
    await new Promise((later) => setTimeout(later, 1000));
    found.push(await private_mib(server.child.pid));
    await server.stop();
    progress('memory', pair);
  }
  console.log(`memory, private, a second after the start with the demo client, ${threads} workers`);
  console.log(`  ${spread(found, 1)} MiB`);
}
