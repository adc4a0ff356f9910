// tests/http/generation.test.mjs: files that are saved while the server runs are taken over, all or nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { root, slow, start } from '../support/server.mjs';

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
  for (let i = 0; i < 1600 * slow; i++) {
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
