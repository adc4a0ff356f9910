// tests/bench/reload.mjs: generations that replace one another under full load, 32 connections that get and 16 that create: how
// many requests failed, and how long the slowest answer took; beside the same load without.

import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { root, start } from '../support/server.mjs';
import { copy_of, make_config, pairs, progress, run, seconds, spread } from './common.mjs';

async function load(script, count, url, env) {
  const { stdout } = await run('wrk', ['-t1', `-c${count}`, `-d${seconds}s`, '-s', `tests/bench/${script}`, url],
    { cwd: root, env: { ...process.env, ...env } });
  return JSON.parse(stdout.trim().split('\n').pop());
}

// Publishes a changed file again and again; how long each took until every thread had switched.
function begin_reloads(admin, file, text) {
  let stopped = false;
  const times = [];
  const ended = (async () => {
    for (let i = 0; !stopped; i += 1) {
      await writeFile(file, `${text}\n-- ${performance.now()}\n`);
      const began = performance.now();
      const { status, text: answer } = await admin.post('/api/v1/generation');
      if (status >= 300) throw new Error(`generation: ${status} ${answer}`);
      times.push(performance.now() - began);
      await new Promise((later) => setTimeout(later, 200));
    }
  })();
  return { times, stop: () => { stopped = true; return ended; } };
}

export async function measure({ demo }) {
  const config = await make_config('reload-root', { own_plugins: true });
  const file = join(dirname(dirname(config)), 'plugins/lead/decisions/route.lua');
  const text = await readFile(file, 'utf8');
  const server = await start({ config, data: await copy_of(demo.data, 'reload') });
  const found = { with: [], without: [] };
  const reloads = [];
  try {
    const admin = await server.log_in('admin');
    for (let pair = 0; pair < pairs; pair += 1) {
      for (const kind of pair % 2 === 0 ? ['with', 'without'] : ['without', 'with']) {
        const under_way = kind === 'with' ? begin_reloads(admin, file, text) : null;
        const [gets, creates] = await Promise.all([
          load('get.lua', 32, server.url + demo.path, { COOKIE: demo.anna }),
          load('post.lua', 16, `${server.url}/api/v1/lead`, { COOKIE: demo.admin, BODY: demo.body }),
        ]);
        await under_way?.stop();
        reloads.push(...under_way?.times ?? []);
        found[kind].push({ gets, creates, failed: gets.refused + gets.broken + creates.refused + creates.broken });
      }
      progress('reload', pair);
    }
  } finally {
    await server.stop();
  }
  console.log(`reload under load (${reloads.length} generations, each published in ${spread(reloads, 0).trim()} ms)`);
  for (const [kind, title] of [['with', 'while generations switch'], ['without', 'without']]) {
    const all = (pick, digits = 1) => spread(found[kind].map(pick), digits).trim();
    const failed = found[kind].reduce((sum, one) => sum + one.failed, 0);
    console.log(`  ${title}: ${failed} failed; slowest get ${all(({ gets }) => gets.max_ms)} ms, slowest create ${all(({ creates }) => creates.max_ms)} ms; ` +
      `${all(({ gets }) => gets.requests / gets.seconds, 0)} gets and ${all(({ creates }) => creates.requests / creates.seconds, 0)} creates a second`);
  }
}
