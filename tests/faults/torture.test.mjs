// tests/faults/torture.test.mjs: random crashes and faults; nothing that was answered is lost, nothing that was refused comes
// back. TORTURE_ROUNDS and TORTURE_FAULTS say how many (`make torture`), TORTURE_SEED repeats a run.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rm } from 'node:fs/promises';

import { mutant, seeded } from '../support/faults.mjs';
import { make_root } from '../support/root.mjs';
import { crashes, dice, faults } from '../support/torture.mjs';

const rounds = Number(process.env.TORTURE_ROUNDS ?? 20);
const count = Number(process.env.TORTURE_FAULTS ?? 50);
const number = Number(process.env.TORTURE_SEED ?? Date.now() % 1_000_000);
let seed;

before(async () => {
  const root = await make_root();
  seed = await seeded(root.config);
  await root.remove();
});
after(() => rm(seed, { recursive: true, force: true }));

test(`${rounds} crashes lose nothing (TORTURE_SEED=${number})`, async () => {
  const outcome = await crashes(seed, rounds, { dice: dice(number) });

  assert.deepEqual(outcome.lost, []);
  assert.ok(outcome.kept > rounds * 5, `only ${outcome.kept} creates were answered: the load did not run`);
});

test(`${count} failed writes, syncs and allocations lose nothing and bring nothing back (TORTURE_SEED=${number})`, async () => {
  const outcome = await faults(seed, count, { dice: dice(number) });

  assert.deepEqual(outcome.lost, []);
  assert.ok(outcome.injected >= count);
  assert.ok(outcome.kept > count, `only ${outcome.kept} creates were answered: the load did not run`);
});

for (const name of ['answer_before_commit', 'synchronous_off']) {
  test(`the mutant ${name} is caught`, async () => {
    const outcome = await crashes(seed, 20, { dice: dice(number), program: mutant(name) }).catch((error) => {
      if (error.syscall) throw error;
      return { lost: [error] }; // what is left is no database any more
    });

    assert.ok(outcome.lost.length > 0, 'the mutant lost nothing: this test proves nothing');
  });
}
