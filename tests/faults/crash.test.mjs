// tests/faults/crash.test.mjs: killed at any moment, over files that forget what was not synced, the server has kept every
// create that it answered 201. Two mutants show that the test can fail.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rm } from 'node:fs/promises';

import { database, verify_changes, with_copy } from '../support/change_log.mjs';
import { copy_of, later, mutant, seeded, start_faulty } from '../support/faults.mjs';
import { start } from '../support/server.mjs';

const CLIENTS = 12;
let seed;

before(async () => { seed = await seeded(); });
after(() => rm(seed, { recursive: true, force: true }));

// Creates leads one after another until the server is gone; those answered 201 are put into `answered`.
async function create_until_the_end(client, name, answered) {
  for (let i = 0; ; i++) {
    const lead = `${name}-${i}`;
    const answer = await client.post('/api/v1/lead', { name: lead, region: 'east', score: 85 }).catch(() => null);
    if (answer === null) return;
    if (answer.status === 201) answered.push(lead);
  }
}

// One round: load, a kill `ms` after the first answer (or after the first commit that is held), a restart without the file layer. Returns what was answered and what was lost.
async function crash(program, ms, hold) {
  const data = await copy_of(seed);
  const server = await start_faulty(data, { program });
  const admin = await server.log_in('admin');
  const answered = [];
  if (hold) await server.tell('hold');
  const clients = Array.from({ length: CLIENTS }, (_, i) => create_until_the_end(admin, `lead${i}`, answered));
  while (hold ? Number(await server.tell('held')) === 0 : answered.length === 0) await later(2);
  await later(ms);
  await server.kill();
  await Promise.all(clients);

  const again = await start({ data });
  const there = new Set((await (await again.log_in('admin')).all('/api/v1/lead?fields=name')).map((lead) => lead.name));
  await again.stop();
  await with_copy(database(data), verify_changes);
  await rm(data, { recursive: true, force: true });
  return { answered: answered.length, lost: answered.filter((name) => !there.has(name)) };
}

for (const ms of [40, 150, 333, 700]) {
  test(`killed after ${ms} ms of load, every lead that was answered is there`, async () => {
    const { answered, lost } = await crash(undefined, ms);

    assert.deepEqual(lost, []);
    assert.ok(answered > 0, 'nothing was answered: the load did not run');
  });
}

test('while the sync of a commit has not returned, nobody is answered', async () => {
  const { answered } = await crash(undefined, 400, true);

  assert.equal(answered, 0);
});

test('a server that answers before the commit is caught', async () => {
  const { answered, lost } = await crash(mutant('answer_before_commit'), 400, true);

  assert.ok(answered > 0);
  assert.ok(lost.length > 0, 'the mutant lost nothing: this test proves nothing');
});

test('a server with synchronous=OFF is caught', async () => {
  const { answered, lost } = await crash(mutant('synchronous_off'), 700);

  assert.ok(answered > 0);
  assert.ok(lost.length > 0, 'the mutant lost nothing: this test proves nothing');
});
