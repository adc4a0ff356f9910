// tests/bench/create.mjs: POST of a record that a decision routes and a rule acts on, durable before the answer; beside
// replay, which runs the statements of that very run, commits at the same places, on a copy of the database with which
// it began.

import { join } from 'node:path';

import { start } from '../support/server.mjs';
import { copy_of, database_in, load, pairs, print_sides, progress, replay, work } from './common.mjs';
import { reason_of } from './reasons.mjs';

async function measure_creates(config, demo) {
  const found = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const record = join(work, 'record');
    const data = await copy_of(demo.data, 'create');
    const server = await start({ config, data, args: ['--record', record] });
    let own;
    try {
      own = await load(server.child.pid, 'post.lua', `${server.url}/api/v1/lead`, { COOKIE: demo.admin, BODY: demo.body });
    } finally {
      await server.stop();
    }

    const again = await replay(database_in(await copy_of(demo.data, 'replay')), record);
    const { rows } = await replay(database_in(data));
    if (rows !== again.rows) throw new Error(`the replay left ${again.rows} rows in the log, the server ${rows}`);
    const creates = again.statements.filter(({ sql }) => /^INSERT INTO "?lead"?\b/.test(sql)).reduce((sum, { runs }) => sum + runs, 0);
    if (creates === 0) throw new Error('the record holds no create');
    const plain = { rate: creates / again.seconds, cpu_us: (again.cpu / creates) * 1e6 };
    found.push({ server: own, plain, creates, runs: again.runs, commits: again.commits, statements: again.statements });
    progress('create', pair);
  }
  return found;
}

// What one create costs in statements, in the run of the last pair; begins and ends of groups are shared.
function print_statements({ creates, runs, commits, statements }) {
  console.log(`  statements per create ${(runs / creates).toFixed(2)}, creates per commit ${(creates / commits).toFixed(1)}`);
  for (const { runs: count, sql } of [...statements].sort((a, b) => b.runs - a.runs)) {
    const text = sql.length > 96 ? `${sql.slice(0, 95)}…` : sql;
    if (count / creates >= 0.005) console.log(`    ${(count / creates).toFixed(2).padStart(6)}  ${text}\n            ${reason_of(sql)}`);
  }
}

export async function measure({ config, demo }) {
  const creates = await measure_creates(config, demo);
  console.log('create');
  print_sides('create', creates);
  print_statements(creates[creates.length - 1]);
}
