// tests/http/generations.test.mjs: what administrators see of generations, and change: by HTTP and by the command.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { assert_problem } from '../support/problem.mjs';
import { make_root } from '../support/root.mjs';
import { start, tidemill } from '../support/server.mjs';

let root;
const file = (path) => join(root.path, path);

let shared, data_of_shared;

before(async () => {
  root = await make_root({ rows: 5 });
  data_of_shared = file('data');
  shared = await start({ config: root.config, cwd: root.path, data: data_of_shared });
});
after(async () => {
  await shared?.stop();
  await root?.remove();
});

const generation = '/api/v1/generation';
const list_of = async (who) => (await who.get(generation)).body;

// `tidemill generation …` beside the server that serves `data`.
const command = (data, ...words) => new Promise((done) => {
  execFile(tidemill, ['generation', ...words, '--config', file('config/tidemill.lua'), '--data', data], { cwd: root.path }, (error, out, err) => (
    done({ status: error ? error.code : 0, out, err })));
});

// One server for most tests; each leaves the files as they were, and the generation of these serving.
const with_server = async (use) => {
  const who = await shared.log_in('admin');
  try {
    await use(shared, who, data_of_shared);
  } finally {
    await who.post(generation);
  }
};

const edit = async (path, change) => {
  const text = await readFile(file(path), 'utf8');
  await writeFile(file(path), change(text));
  return () => writeFile(file(path), text);
};

test('an administrator builds from the files and returns to what was before; the list tells who, when and what came of it', () => with_server(async (other, who) => {
  const first = await list_of(who);
  const undo = await edit('plugins/lead/decisions/route.lua', (text) => text.replaceAll('"unit:east"', '"unit:north"'));
  const same_as_before = await selector(who);

  const built = await who.post(generation);
  const after_build = await selector(who);
  const unchanged = await who.post(generation, '{}');
  const back = await who.post(`${generation}/${first.serves.slice(0, 8)}/activate`);
  const after_return = await selector(who);
  const last = await list_of(who);
  await undo();

  assert.equal(first.data.length, 1);
  assert.deepEqual([first.data[0].cause, first.data[0].action, first.data[0].result, first.data[0].current], ['start', 'build', 'served', true]);
  assert.equal(first.safe, false);
  assert.deepEqual([same_as_before, after_build, after_return], ['unit:east', 'unit:north', 'unit:east']);
  assert.equal(built.status, 200, built.text);
  assert.deepEqual([built.body.data.cause, built.body.data.by, built.body.data.result, built.body.data.current], ['request', 'admin', 'served', true]);
  assert.equal(unchanged.body.data.result, 'unchanged');
  assert.equal(back.body.data.action, 'return');
  assert.equal(last.serves, first.serves);
  assert.deepEqual(last.data.map((one) => one.result), ['served', 'unchanged', 'served', 'served']);
  assert.deepEqual(last.data.map((one) => one.current), [true, false, false, false]);
  assert.ok(last.data.every((one) => one.kept && /^[0-9a-f]{64}$/.test(one.hash) && !Number.isNaN(Date.parse(one.at))));
}));

const selector = async (who) => {
  const lead = (await who.post('/api/v1/lead', { name: 'x', region: 'east', score: 85 })).body.data;
  return (await who.get(`/api/v1/lead/${lead.id}/decisions`)).body.data[0].outcome.selector;
};

test('a build that is refused is a problem with file, line and what would be right, in both languages', () => with_server(async (other, who) => {
  const undo = await edit('plugins/lead/entities.lua', (text) => text.replace('{ "company", "text"', '{ "company", "txet"'));
  const refused = await who.post(generation);
  const in_chinese = await who.request('POST', generation, {}, { 'accept-language': 'zh-CN' });
  const [told] = (await list_of(who)).data;
  await undo();

  const fault = assert_problem(refused, 422, { code: 'refused', says: /plugins\/lead\/entities\.lua:\d+: lead\.company: there is no field type txet; did you mean text\?/ });
  assert.equal(fault.title, 'The new generation was refused');
  assert.equal(fault.detail, 'The generation before serves on.');
  assert.equal(fault.file, 'plugins/lead/entities.lua');
  assert.ok(fault.line > 1);
  assert_problem(in_chinese, 422, { says: /之前的一代继续提供服务/ });
  assert.deepEqual([told.result, told.file, told.line, told.current, told.kept], ['refused', fault.file, fault.line, false, false]);
  assert_problem(await who.post(`${generation}/${told.hash}/activate`), 409, { says: /was refused and never served/ });
}));

test('nobody but an administrator sees or changes generations', () => with_server(async (other, who) => {
  const before_all = await list_of(who);
  const hash = before_all.serves;
  const seller = await other.log_in('anna.snelling');

  for (const [method, path] of [['GET', generation], ['POST', generation], ['POST', `${generation}/${hash}/activate`]]) {
    assert_problem(await seller.request(method, path), 403);
    assert_problem(await other.nobody.request(method, path), 401);
  }
  assert_problem(await who.request('POST', generation, undefined, { 'sec-fetch-site': 'cross-site' }), 403);
  assert_problem(await who.post(generation, { colour: 'red' }), 422, { field: 'colour' });
  assert_problem(await who.get(`${generation}?limit=5`), 400);
  assert_problem(await who.delete(generation), 405);
  assert_problem(await who.post(`${generation}/000000/activate`), 404, { says: /no generation in the list/ });
  assert_problem(await who.post(`${generation}/${hash.slice(0, 3)}/activate`), 404, { says: /at least six/ });
  assert.deepEqual((await list_of(who)).data.map((one) => one.at), before_all.data.map((one) => one.at));
}));

test('the list and the sources outlive a restart, which builds from the files', async () => {
  const data = await mkdtemp(join(tmpdir(), 'tidemill-generations-'));
  const config = file('config/tidemill.lua');
  let other = await start({ config, data });
  let who = await other.log_in('admin');
  const first = (await list_of(who)).serves;
  const undo = await edit('plugins/lead/decisions/route.lua', (text) => `${text}\n-- two`);
  const second = (await who.post(generation)).body.data.hash;
  await who.post(`${generation}/${first}/activate`);
  await other.kill();

  other = await start({ config, data });
  who = await other.log_in('admin');
  const list = await list_of(who);
  const back = await who.post(`${generation}/${first}/activate`);
  await writeFile(join(data, 'tenants/demo/generations', second), 'something else');
  const spoilt = await who.post(`${generation}/${second}/activate`);
  await other.stop();
  await undo();
  const shown = await command(data, 'list');
  await rm(data, { recursive: true, force: true });

  assert.equal(list.serves, second, 'the files are what a start builds');
  assert.deepEqual(list.data.map((one) => [one.cause, one.action, one.hash]), [
    ['start', 'build', second], ['request', 'return', first], ['request', 'build', second], ['start', 'build', first]]);
  assert.equal(back.status, 200, back.text);
  assert_problem(spoilt, 422, { says: /cannot be read|have been changed/ });
  assert.equal(shown.out.trim().split('\n').length, 7, shown.out); // the last one takes two lines
});

test('the command lists, builds and returns through the socket of the server', () => with_server(async (other, who, data) => {
  const first = (await list_of(who)).serves;
  const undo = await edit('plugins/lead/decisions/route.lua', (text) => `${text}\n-- by command`);
  const built = await command(data, 'build');
  const back = await command(data, 'activate', first.slice(0, 12), '--json');
  const listed = JSON.parse((await command(data, 'list', '--json')).out);
  await undo();
  const spoil = await edit('plugins/lead/rules.lua', (text) => `${text}\n{{{`);
  const refused = await command(data, 'build');
  await spoil();

  assert.deepEqual([built.status, back.status, refused.status], [0, 0, 1]);
  assert.match(built.out, /^[0-9a-f]{12} \* \S+Z  served +command  build/);
  assert.equal(JSON.parse(back.out).hash, first);
  assert.deepEqual(listed, await list_of_two(who));
  assert.match(refused.out, /plugins\/lead\/rules\.lua:\d+: /);
  assert.match(refused.err, /refused; the one before serves on/);
  assert.equal((await command(data, 'activate', 'ffffff')).status, 1);
  assert.equal((await command(data, 'activate')).status, 2);
  assert.equal((await command(data, 'dance')).status, 2);
}));

// Without the refused build that came later.
const list_of_two = async (who) => {
  const list = await list_of(who);
  return { ...list, data: list.data.slice(1).map((one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null))) };
};

test('a publish is answered when every thread has switched: whoever asks next meets the new generation', () => with_server(async (other, who) => {
  const path = 'plugins/lead/decisions/route.lua';
  const keep = await edit(path, (text) => text);
  for (let i = 0; i < 6; i++) {
    const unit = i % 2 ? 'unit:west' : 'unit:north';
    await edit(path, (text) => text.replaceAll(/"unit:(east|west|north)"/g, `"${unit}"`));
    assert.equal((await who.post(generation)).status, 200);
    const tags = await Promise.all(Array.from({ length: 12 }, () => other.nobody.get('/').then((answer) => answer.status)));
    assert.deepEqual([...new Set(tags)], [200]);
    assert.deepEqual(await Promise.all([selector(who), selector(who), selector(who)]), [unit, unit, unit]);
  }
  await keep();
}));

test('many who build at once are answered one after another, and too many are told so', () => with_server(async (other, who) => {
  const answers = await Promise.all(Array.from({ length: 40 }, () => who.post(generation).then((answer) => answer.status)));

  // Where each request makes a Lua state of its own, they come more slowly than they are answered.
  const possible = process.env.VARIANT ? [[200], [200, 503]] : [[200, 503]];
  assert.ok(possible.some((one) => `${one}` === `${[...new Set(answers)].sort()}`), `${answers}`);
  assert.equal((await who.post(generation)).status, 200);
}));

test('what has served is kept, but only the last twenty, and the list has an end', { timeout: 60_000 }, () => with_server(async (other, who, data) => {
  const first = (await list_of(who)).serves;
  const undo = await edit('plugins/lead/decisions/route.lua', (text) => text);
  for (let i = 0; i < 21; i++) {
    await edit('plugins/lead/decisions/route.lua', (text) => `${text}\n-- ${i}`);
    assert.equal((await who.post(generation)).body.data.result, 'served');
  }
  await undo();
  const list = await list_of(who);
  const files = await readdir(join(data, 'tenants/demo/generations'));

  assert.equal(list.data.filter((one) => one.kept).length, 20);
  assert.equal(files.length, 21);
  assert_problem(await who.post(`${generation}/${first}/activate`), 409, { says: /no longer kept/ });
}));

test('serve --safe leaves the client packs out, says so, and takes them back with an earlier generation', async () => {
  const data = await mkdtemp(join(tmpdir(), 'tidemill-generations-'));
  const config = file('config/tidemill.lua');
  const whole = await start({ config, data });
  const { serves } = await list_of(await whole.log_in('admin'));
  await whole.stop();
  const undo = await edit('config/clients/demo/pack.lua', (text) => `error "a pack that cannot be loaded"\n${text}`);

  const broken = await start({ config, data }).then(() => 'it started', (error) => error.message);
  const safe = await start({ config, data, args: ['--safe'] });
  const who = await safe.log_in('admin');
  const list = await list_of(who);
  const back = await who.post(`${generation}/${serves}/activate`);
  const last = await list_of(who);
  await safe.stop();
  await undo();
  await rm(data, { recursive: true, force: true });

  assert.match(broken, /a pack that cannot be loaded/);
  assert.match(safe.logs, /warn +start .*--safe: without client packs; left out: demo/);
  assert.equal(list.safe, true);
  assert.deepEqual([list.data[0].result, list.data[1].result, list.data[1].file], ['served', 'refused', 'config/clients/demo/pack.lua']);
  assert.notEqual(list.serves, serves);
  assert.equal(back.status, 200, back.text);
  assert.equal(last.serves, serves);
});
