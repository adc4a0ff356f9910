// tests/bench/summary.mjs: sums over a million leads (make million), one at a time, for who sees all and who sees 150,000.

import { join } from 'node:path';

import { root, start } from '../support/server.mjs';
import { copy_of, pairs, progress, spread } from './common.mjs';

const questions = ['?count', '?by=stage&count', '?by=stage,channel,region&sum=score&count', '?by=unit.parent&count'];

export async function measure({ config }) {
  const server = await start({ config, data: await copy_of(join(root, 'build/million'), 'summary') });
  const times = new Map();
  try {
    const clients = [['hq', await server.log_in('hq')], ['million.150000', await server.log_in('million.150000')]];
    for (let pair = -1; pair < pairs; pair += 1) {
      for (const [name, client] of clients) {
        for (const question of questions) {
          const began = performance.now();
          const { status, text } = await client.get(`/api/v1/lead/summary${question}`);
          if (status !== 200) throw new Error(`${question}: ${status} ${text}`);
          const key = `${name.padEnd(16)} ${question}`;
          if (pair >= 0) times.set(key, [...times.get(key) ?? [], performance.now() - began]);
        }
      }
      if (pair >= 0) progress('summary', pair);
    }
  } finally {
    await server.stop();
  }
  console.log('summary over a million, one at a time');
  for (const [key, found] of times) console.log(`  ${key.padEnd(60)} ${spread(found, 0)} ms`);
}
