// tests/faults/generation.test.mjs: the loader fails, stalls or is killed at each step of its way, under a steady load of reads and
// creates: no request fails or is lost, and every answer comes wholly from one generation.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { database, verify_changes, with_copy } from '../support/change_log.mjs';
import { copy_of, later, seeded, start_faulty } from '../support/faults.mjs';
import { make_root } from '../support/root.mjs';
import { start } from '../support/server.mjs';
import { assert_problem } from '../support/problem.mjs';

const steps = ['read', 'load', 'check', 'schema', 'switch', 'list'];

// What its action writes stands in two files of a generation: the action's own, and the manifest.
const mark = (n) => ({
  'plugin.lua': `return { name = "mark", version = "1.0.0", api = 1, needs = { lead = "^1.0" } }\n`,
  'actions.lua': `
mill.action "lead.mark" { title = { en = "Mark", zh = "标记" }, run = function(lead)
  return mill.db.lead:update(lead, { company = "${n} " .. mill.setting "mark" })
end }
`,
});
const manifest = (n) => `return { name = "mark", version = "1.0.0", api = 1, needs = { lead = "^1.0" },
  settings = { mark = { type = "text", default = "${n}", label = { en = "Mark", zh = "标记" } } } }\n`;

let root, seed;

before(async () => {
  root = await make_root({ rows: 5, plugins: { mark: { ...mark(0), 'plugin.lua': manifest(0) } } });
  seed = await seeded(root.config);
});
after(async () => {
  await rm(seed, { recursive: true, force: true });
  await root.remove();
});

// Saves generation `n`: an action, a setting, and a further column.
async function save(n) {
  await root.write('plugins/mark/actions.lua', mark(n)['actions.lua']);
  await root.write('plugins/mark/plugin.lua', manifest(n));
  await root.write('plugins/mark/entities.lua', `mill.extend "lead" { fields = { { "mark_${n}", "integer", label = { en = "n", zh = "n" } } } }\n`);
}

// Reads, creates and actions, one after another, until it is told to stop. Whatever is answered is looked at.
function load(admin) {
  const seen = { created: [], marks: new Set(), wrong: [], reads: 0 };
  let over = false;
  const look = (answer, status) => {
    if (answer.status !== status) seen.wrong.push(`${answer.status} ${answer.text}`);
    return answer.status === status;
  };
  const client = async (name) => {
    for (let i = 0; !over; i++) {
      const made = await admin.post('/api/v1/lead', { name: `${name}-${i}`, region: 'east', score: 85 });
      if (look(made, 201)) seen.created.push(`${name}-${i}`);
      if (look(await admin.get('/api/v1/lead?limit=5'), 200)) seen.reads++;
      const marked = await admin.post(`/api/v1/lead/${made.body.data.id}/mark`);
      if (!look(marked, 200)) continue;
      const { company } = marked.body.data;
      const [own, setting] = company.split(' ');
      if (own !== setting) seen.wrong.push(`an answer of two generations: ${company}`);
      seen.marks.add(company);
    }
  };
  const ended = Promise.allSettled(['a', 'b', 'c', 'd'].map(client));
  return { seen, async stop() { over = true; await ended; return seen; } };
}

async function held_at(server, step) {
  for (let i = 0; i < 400; i++) {
    if (await server.tell('at') === step) return;
    await later(10);
  }
  throw new Error(`nobody came to the step ${step}:\n${server.logs}`);
}

async function more_than(count, now) {
  for (let i = 0; now() <= count; i++) {
    if (i > 6000) throw new Error(`the load does not run: ${now()}`);
    await later(5);
  }
}

let n = 0;

for (const step of steps) {
  test(`a loader that stalls at ${step} and then goes on: nobody waits for it but who asked`, async () => {
    const server = await start_faulty(await copy_of(seed), { config: root.config });
    const admin = await server.log_in('admin');
    await save(n += 1);
    const running = load(admin);
    await more_than(0, () => running.seen.marks.size);
    await server.tell(`step ${step} hold`);
    let answered = false;
    const built = admin.post('/api/v1/generation').then((answer) => { answered = true; return answer; });
    await held_at(server, step);
    // At `schema` the home holds its transaction open: reads go on, changes wait.
    const counts = () => (step === 'schema' ? running.seen.reads : running.seen.created.length);
    if (step !== 'schema') await more_than(counts() + 8, counts);
    else for (let i = 0; i < 20; i++) assert.equal((await admin.get('/api/v1/lead?limit=5')).status, 200);
    const early = answered;
    await server.tell(`step ${step} go`);
    const answer = await built;
    const mine = (await admin.post('/api/v1/lead', { name: 'after', [`mark_${n}`]: n })).body.data;
    const seen = await running.stop();

    assert.equal(early, false);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.data.result, 'served');
    assert.equal(mine[`mark_${n}`], n);
    assert.deepEqual(seen.wrong, []);
    await server.stop();
  });
}

for (const step of ['read', 'load', 'check', 'schema']) {
  test(`a loader that fails at ${step} is refused, and the generation before serves on as it was`, async () => {
    const server = await start_faulty(await copy_of(seed), { config: root.config });
    const admin = await server.log_in('admin');
    const { serves } = (await admin.get('/api/v1/generation')).body;
    await save(n += 1);
    const running = load(admin);
    await more_than(4, () => running.seen.created.length);
    await server.tell(`step ${step} fail`);
    const refused = await admin.post('/api/v1/generation');
    const list = (await admin.get('/api/v1/generation')).body;
    const again = await admin.post('/api/v1/generation');
    const seen = await running.stop();

    assert_problem(refused, 422, { says: new RegExp(`failed it at the step ${step}`) });
    assert.equal(list.serves, serves);
    assert.equal(list.data[0].result, 'refused');
    assert.equal(again.body.data.result, 'served');
    assert.deepEqual(seen.wrong, []);
    await server.stop();
  });
}

test('a list that cannot be written down fails nobody, and the log says so', async () => {
  const server = await start_faulty(await copy_of(seed), { config: root.config });
  const admin = await server.log_in('admin');
  await save(n += 1);
  await server.tell('step list fail');

  assert.equal((await admin.post('/api/v1/generation')).body.data.result, 'served');
  assert.match(server.logs, /the list cannot be written down: a test failed it/);
  await server.stop();
});

for (const step of steps) {
  test(`killed at ${step}: what was answered is there, and the next start builds from the files`, async () => {
    const data = await copy_of(seed);
    const server = await start_faulty(data, { config: root.config });
    const admin = await server.log_in('admin');
    await save(n += 1);
    const running = load(admin);
    await more_than(8, () => running.seen.created.length);
    await server.tell(`step ${step} hold`);
    admin.post('/api/v1/generation').catch(() => {});
    await held_at(server, step);
    await later(50);
    await server.kill();
    const { created, wrong } = await running.stop();

    const after_kill = await start({ data, config: root.config, cwd: root.path });
    const again = await after_kill.log_in('admin');
    const there = new Set((await again.all('/api/v1/lead?fields=name')).map((lead) => lead.name));
    const list = (await again.get('/api/v1/generation')).body;
    const mine = (await again.post('/api/v1/lead', { name: 'after', [`mark_${n}`]: n })).body.data;
    const back = await again.post(`/api/v1/generation/${list.data.find((one) => one.hash !== list.serves && one.kept).hash}/activate`);
    await after_kill.stop();

    assert.deepEqual(wrong, []);
    assert.deepEqual(created.filter((name) => !there.has(name)), []);
    assert.deepEqual([list.data[0].cause, list.data[0].result, list.data[0].current], ['start', 'served', true]);
    assert.equal(mine[`mark_${n}`], n);
    assert.equal(back.status, 200, back.text);
    await with_copy(database(data), verify_changes);
  });
}

test('a stop in the middle of a build ends cleanly, and who waits for it is answered', async () => {
  for (const step of ['load', 'check', 'schema', 'switch', 'list']) {
    const data = await copy_of(seed);
    const server = await start_faulty(data, { config: root.config });
    const admin = await server.log_in('admin');
    await save(n += 1);
    await server.tell(`step ${step} hold`);
    const built = admin.post('/api/v1/generation').then((answer) => answer.status, () => 'lost');
    const waiting = admin.post('/api/v1/generation').then((answer) => answer.status, () => 'lost');
    await held_at(server, step);
    await later(50);
    server.child.kill('SIGTERM');
    await later(100);
    await server.tell(`step ${step} go`);

    assert.deepEqual(await server.ended, { code: 0, signal: null }, `${step}: ${server.logs}`);
    const statuses = (await Promise.all([built, waiting])).sort(); // either came first
    assert.ok([200, 503].includes(statuses[0]) && statuses[1] === 503, `${step}: ${statuses}`);
  }
});
