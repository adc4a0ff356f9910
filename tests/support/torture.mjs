// tests/support/torture.mjs: crashes and faults in any number, over one data folder that lives through all of them. What was
// answered 201 must be there after each restart; what was refused must not; the change log must hold.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';

import { ask, database, verify_changes, with_copy } from './change_log.mjs';
import { copy_of, later, start_faulty } from './faults.mjs';

const CLIENTS = 12;
const VERIFY_EVERY = 10;

// A generator of whole numbers below `n` that gives the same row for the same seed (mulberry32).
export function dice(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

const unknown = (answer) => /unknown/.test(answer.body?.type ?? '')
  || /not known/.test(answer.body?.detail ?? '');

class Torture {
  constructor(data, program, throw_dice) {
    Object.assign(this, { data, program, throw_dice, number: 0, rounds: 0 });
    this.kept = new Set(); // answered 201
    this.refused = new Set(); // answered that nothing was changed
    this.lost = [];
    this.statuses = {};
  }

  async begin() {
    this.server = await start_faulty(this.data, { program: this.program });
    this.admin = await this.server.log_in('admin');
  }

  async create(name) {
    const answer = await this.admin.post('/api/v1/lead', { name, region: 'east', score: 85 }).catch(() => null);
    if (answer === null) return false; // the server is gone: nobody knows
    this.statuses[answer.status] = (this.statuses[answer.status] ?? 0) + 1;
    if (answer.status === 201) this.kept.add(name);
    else if (!unknown(answer)) this.refused.add(name);
    return true;
  }

  async create_until(over) {
    const name = `lead${this.number += 1}`;
    for (let i = 0; !over.now && await this.create(`${name}-${i}`); i++);
  }

  load() {
    const over = { now: false };
    const clients = Promise.all(Array.from({ length: CLIENTS }, () => this.create_until(over)));
    return { clients, stop() { over.now = true; return clients; } };
  }

  // The machine crashes (some sectors are kept) or the process is killed (none is).
  async crash() {
    // Half of the time a commit is on its way: whoever is answered now is answered too early.
    if (this.throw_dice(2) === 0) {
      await this.server.tell('hold');
      await later(50);
    }
    if (this.throw_dice(3) === 0) {
      await this.server.kill();
    } else {
      this.server.tell(`crash ${this.throw_dice(1 << 30)}`).catch(() => null); // it has no time to answer
      await this.server.ended;
    }
    this.rounds++;
  }

  // With no server: what is in the file, with none of the server's code.
  async look() {
    await with_copy(database(this.data), async (copy) => {
      const there = new Set((await ask(copy, 'SELECT name FROM lead')).map(([name]) => name));
      this.lost.push(...[...this.kept].filter((name) => !there.has(name)));
      this.lost.push(...[...this.refused].filter((name) => there.has(name)).map((name) => `${name}, which was refused`));
      if (this.rounds % VERIFY_EVERY !== 0) return;
      assert.deepEqual(await ask(copy, 'PRAGMA integrity_check'), [['ok']]);
      await verify_changes(copy);
    });
  }

  async end() {
    this.rounds = 0;
    await this.look();
    await rm(this.data, { recursive: true, force: true });
    return { kept: this.kept.size, refused: this.refused.size, lost: this.lost, statuses: this.statuses };
  }
}

/* `rounds` crashes at random moments of a load. */
export async function crashes(seed, rounds, { dice: throw_dice, program } = {}) {
  const torture = new Torture(await copy_of(seed), program, throw_dice);
  for (let i = 0; i < rounds && torture.lost.length === 0; i++) {
    await torture.begin();
    const load = torture.load();
    await later(20 + throw_dice(500));
    await torture.crash();
    await load.clients;
    await torture.look();
  }
  return torture.end();
}

const KINDS = ['write', 'sync', 'checkpoint', 'memory'];

// One fault of a random kind after a random number of calls; or a disk that has hardly any room for a moment.
async function inject(torture) {
  const { server, throw_dice } = torture;
  const before = Number(await server.tell('failures'));
  if (throw_dice(8) === 0) {
    await server.tell(`room ${throw_dice(1 << 16)}`);
    await later(30);
    await server.tell('room off');
    return 1;
  }
  const kind = KINDS[throw_dice(KINDS.length)];
  await server.tell(`fail ${kind} ${throw_dice(kind === 'memory' ? 2000 : 20)} ${1 + throw_dice(3)}`);
  await later(10 + throw_dice(30));
  return Number(await server.tell('failures')) - before;
}

/* Injects at least `faults` faults under load, with a crash and a look after every `between`. */
export async function faults(seed, count, { dice: throw_dice, program, between = 25 } = {}) {
  const torture = new Torture(await copy_of(seed), program, throw_dice);
  let injected = 0;
  while (injected < count && torture.lost.length === 0) {
    await torture.begin();
    const load = torture.load();
    for (const until = injected + between; injected < until;) injected += await inject(torture);
    for (const kind of KINDS) await torture.server.tell(`fail ${kind} 0 0`);
    // Whatever failed, it works again.
    await load.stop();
    const name = `after ${injected}`;
    await torture.create(name);
    assert.ok(torture.kept.has(name), 'after its faults the server does not create any more');
    const more = torture.load();
    await later(throw_dice(100));
    await torture.crash();
    await more.clients;
    await torture.look();
  }
  return { injected, ...await torture.end() };
}
