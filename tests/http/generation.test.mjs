// tests/http/generation.test.mjs: files that are saved while the server runs are taken over, all or nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFile } from 'node:child_process';

import { assert_problem } from '../support/problem.mjs';
import { root, start, tidemill } from '../support/server.mjs';

let home, server, admin;
const file = (path) => join(home, path);

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemill-home-'));
  for (const folder of ['scripts', 'plugins', 'config']) await cp(join(root, folder), file(folder), { recursive: true });
  const pipeline = file('config/clients/demo/data/maven-crm/sales_pipeline.csv'); // a start is quicker with less
  await writeFile(pipeline, `${(await readFile(pipeline, 'utf8')).split('\n', 41).join('\n')}\n`);
  server = await start({ config: file('config/tidemill.lua'), data: file('data'), args: ['--watch'] });
  admin = await server.log_in('admin');
});
after(async () => {
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

// Saves a file, as a careful editor does, and waits for the server's word on it.
async function save(path, change) {
  const before_text = await readFile(file(path), 'utf8');
  const text = change(before_text);
  assert.notEqual(text, before_text, `nothing to save in ${path}`);
  const seen = server.logs.length;
  const beside = join(dirname(file(path)), '.saving');
  await writeFile(beside, text);
  await rename(beside, file(path));
  for (let i = 0; i < 800; i++) {
    const line = server.logs.slice(seen).split('\n').find((one) => one.includes(' generation '));
    if (line) return line;
    await new Promise((later) => setTimeout(later, 25));
  }
  throw new Error('the server said nothing of the saved file');
}

const selector_of_a_new_lead = async () => {
  const lead = (await admin.post('/api/v1/lead', { name: 'x', region: 'east', score: 85 })).body.data;
  return (await admin.get(`/api/v1/lead/${lead.id}/decisions`)).body.data[0].outcome.selector;
};

test('a decision that is edited decides the next lead, without a restart', async () => {
  const before_edit = await selector_of_a_new_lead();

  await save('plugins/lead/decisions/route.lua', (text) => text.replaceAll('"unit:east"', '"unit:west"'));

  assert.equal(before_edit, 'unit:east');
  assert.equal(await selector_of_a_new_lead(), 'unit:west');
});

test('a broken file leaves the old generation serving and is named with its line', async () => {
  const line = await save('plugins/lead/decisions/route.lua', (text) => `${text}\n{{{`);

  assert.match(line, /refused; the one before serves on/);
  assert.match(line, /plugins\/lead\/decisions\/route\.lua:\d+/);
  assert.equal(await selector_of_a_new_lead(), 'unit:west');
  assert.match(await save('plugins/lead/decisions/route.lua', (text) => text.replace('\n{{{', '')), /unchanged/);
});

test('a cell that cannot be read is named with row and fact', async () => {
  const line = await save('plugins/lead/decisions/route.lua', (text) => text.replace('">= 80"', '">> 80"'));

  assert.match(line, /row 4, score/);
  await save('plugins/lead/decisions/route.lua', (text) => text.replace('">> 80"', '">= 80"'));
});

test('a plugin that is missing, and needs that go in a circle, are named', async () => {
  const missing = await save('plugins/lead/plugin.lua', (text) => text.replace('product = "^1.0"', 'prodict = "^1.0"'));
  await save('plugins/lead/plugin.lua', (text) => text.replace('prodict = "^1.0"', 'product = "^1.0"'));
  const circle = await save('plugins/product/plugin.lua', (text) => text.replace(/needs = \{[^}]*\}|api = 1,/, (found) => (
    found.startsWith('api') ? 'api = 1, needs = { lead = "^1.0" },' : 'needs = { lead = "^1.0" }')));

  assert.match(missing, /prodict.*did you mean product/);
  assert.match(circle, /circle/);
  const original = await readFile(join(root, 'plugins/product/plugin.lua'), 'utf8');
  assert.match(await save('plugins/product/plugin.lua', () => original), /unchanged/);
});

test('what only a client pack may say is refused in a plugin, and not passed over', async () => {
  const line = await save('plugins/lead/plugin.lua', (text) => text.replace('api = 1,', 'api = 1, demo_logins = true,'));

  assert.match(line, /refused.*plugins\/lead\/plugin\.lua:\d+: only a client pack has demo_logins/);
  await save('plugins/lead/plugin.lua', (text) => text.replace(' demo_logins = true,', ''));
});

test('a plugin that the settings newly name waits for a start, and the server says so', async () => {
  const line = await save('config/tidemill.lua', (text) => text.replace('"console" }', '"console", "none" }'));

  assert.match(line, /unchanged.*settings are read at the start/);
  await save('config/tidemill.lua', (text) => text.replace(', "none" }', ' }'));
});

test('what cannot be unique, since there are doubles, is told with its line and two of them', async () => {
  const path = 'plugins/customer/entities.lua';
  const before_edit = await readFile(file(path), 'utf8');
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await admin.post('/api/v1/contact', { name: 'Li Wei', phone: '1' })).body.data.id);

  const line = await save(path, (text) => text.replace(
    'display = "name",\n  fields = {\n    { "name", "text", required = true, max = 200, label = { en = "Name", zh = "姓名" } },',
    'display = "name",\n  unique = {\n    { "name", "phone" },\n  },\n'
    + '  fields = {\n    { "name", "text", required = true, max = 200, label = { en = "Name", zh = "姓名" } },'));

  assert.match(line, /refused.*plugins\/customer\/entities\.lua:26: contact cannot be unique by name, phone: 3 records /);
  assert.ok(line.includes(`for example ${ids[0]} and ${ids[2]}`), line);
  assert.doesNotMatch(line, /traceback/);
  await save(path, () => before_edit);
});

test('a grant to a role that does not exist is a warning, and none before', async () => {
  const at_the_start = server.logs.match(/ warn +access .*/g);
  const path = 'plugins/product/access.lua';
  const text = await readFile(file(path), 'utf8');

  const line = await save(path, () => `${text}\nmill.access "product" {\n  { role = "auditor", allow = { "read" } },\n}\n`);

  assert.match(line, /outcome=serves/);
  assert.equal(at_the_start, null);
  const warnings = server.logs.match(/ warn +access .*/g)?.join('\n') ?? '';
  assert.match(warnings, /declared=plugins\/product\/access\.lua:\d+ text="no role auditor exists yet"/);
  await save(path, () => text);
});

test('a field that is added is there after the save, and one whose type changes is refused', async () => {
  const field = (type) => `{ "budget", "${type}", label = { en = "Budget", zh = "预算" } },`;
  const added = await save('plugins/lead/entities.lua', (text) => text.replace('{ "company",', `${field('integer')}\n    { "company",`));
  const lead = await admin.post('/api/v1/lead', { name: 'rich', budget: 7 });
  const changed = await save('plugins/lead/entities.lua', (text) => text.replace(field('integer'), field('text')));

  assert.match(added, /serves/);
  assert.equal(lead.body.data.budget, 7);
  assert.match(changed, /refused.*entities\.lua:\d+: lead\.budget is stored as integer/);
  assert.doesNotMatch(changed, /traceback/);
  assert.equal((await admin.post('/api/v1/lead', { name: 'still', budget: 8 })).status, 201);
});

test('a schema step that is refused again and again leaves the home its state, which goes on to write', async () => {
  for (let i = 0; i < 4; i++) {
    const line = await save('plugins/lead/entities.lua', (text) => `${text}-- ${i}\n`); // still with the other type
    assert.match(line, /refused.*lead\.budget is stored as integer/);
    assert.equal((await admin.post('/api/v1/lead', { name: `after ${i}`, budget: i })).status, 201);
  }
  assert.doesNotMatch(server.logs, /Sanitizer/);
});

test('a file that never ends loading is named with its line, and the old generation serves on', async () => {
  const loop = 'while true do pcall(function() while true do end end) end';
  const line = await save('plugins/lead/rules.lua', (text) => `${loop}\n${text}`);
  await save('plugins/lead/rules.lua', (text) => text.replace(`${loop}\n`, `-- once a loop\n`));

  assert.match(line, /refused; the one before serves on.*plugins\/lead\/rules\.lua:1: loading takes more than 5 seconds/);
  assert.equal((await admin.post('/api/v1/lead', { name: 'after the loop' })).status, 201);
});

test('a program that writes on and on cannot put off what was saved', async () => {
  const seen = server.logs.length;
  const noise = setInterval(() => writeFile(file('plugins/lead/noise.txt'), `${Date.now()}`), 5);

  await new Promise((later) => setTimeout(later, 2500));
  clearInterval(noise);

  assert.match(server.logs.slice(seen), / generation /);
  await new Promise((later) => setTimeout(later, 500));
});

test('a folder that is a link is watched too', async () => {
  const beside = join(home, 'beside');
  await mkdir(beside);
  await writeFile(join(beside, 'one.txt'), 'one');
  await symlink(beside, file('plugins/lead/linked'));
  await new Promise((later) => setTimeout(later, 1000));

  assert.match(await save('plugins/lead/linked/one.txt', () => 'two'), / generation /);
});

test('under load no request fails while generations change', async () => {
  const back = await save('plugins/lead/entities.lua', (text) => text.replace('"budget", "text"', '"budget", "integer"'));
  assert.match(back, /outcome=serves/);
  let over = false;
  const statuses = new Map();
  const clients = Array.from({ length: 8 }, async (_, i) => {
    while (!over) {
      const { status } = i % 2 ? await admin.get('/api/v1/lead?limit=5') : await admin.post('/api/v1/lead', { name: 'load', region: 'east', score: 85 });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });

  for (let i = 0; i < 10; i++) {
    assert.match(await save('plugins/lead/decisions/route.lua', (text) => `${text}\n-- ${i}`), /outcome=serves/);
  }
  over = true;
  await Promise.all(clients);

  assert.deepEqual([...statuses.keys()].sort(), [200, 201]);
});

// From here on a server of its own without --watch: what is built is asked for.

const generation = '/api/v1/generation';
const list_of = async (who) => (await who.get(generation)).body;

// `tidemill generation …` beside the server that serves `data`.
const command = (data, ...words) => new Promise((done) => {
  execFile(tidemill, ['generation', ...words, '--config', file('config/tidemill.lua'), '--data', data], { cwd: home }, (error, out, err) => (
    done({ status: error ? error.code : 0, out, err })));
});

async function with_server(use, args = []) {
  const data = await mkdtemp(join(tmpdir(), 'tidemill-generations-'));
  const other = await start({ config: file('config/tidemill.lua'), data, args });
  try {
    await use(other, await other.log_in('admin').catch(() => null), data);
  } finally {
    await other.stop();
    await rm(data, { recursive: true, force: true });
  }
}

const edit = async (path, change) => {
  const text = await readFile(file(path), 'utf8');
  await writeFile(file(path), change(text));
  return () => writeFile(file(path), text);
};

test('an administrator builds from the files and returns to what was before; the list tells who, when and what came of it', () => with_server(async (other, who) => {
  const first = await list_of(who);
  const undo = await edit('plugins/lead/decisions/route.lua', (text) => text.replaceAll('"unit:west"', '"unit:north"'));
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
  assert.deepEqual([same_as_before, after_build, after_return], ['unit:west', 'unit:north', 'unit:west']);
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
  const hash = (await list_of(who)).serves;
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
  assert.equal((await list_of(who)).data.length, 1);
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
  await writeFile(join(data, 'generations', second), 'something else');
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
    await edit(path, (text) => text.replaceAll(/"unit:(west|north)"/g, `"${unit}"`));
    assert.equal((await who.post(generation)).status, 200);
    const tags = await Promise.all(Array.from({ length: 12 }, () => other.nobody.get('/').then((answer) => answer.status)));
    assert.deepEqual([...new Set(tags)], [200]);
    assert.deepEqual(await Promise.all([selector(who), selector(who), selector(who)]), [unit, unit, unit]);
  }
  await keep();
}));

test('many who build at once are answered one after another, and too many are told so', () => with_server(async (other, who) => {
  const answers = await Promise.all(Array.from({ length: 40 }, () => who.post(generation).then((answer) => answer.status)));

  assert.ok(answers.includes(200) && answers.includes(503), `${answers}`);
  assert.deepEqual([...new Set(answers)].sort(), [200, 503]);
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
  const files = await readdir(join(data, 'generations'));

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
