// tests/faults/groups.test.mjs: one request of a group may drop its whole transaction; its neighbours are answered as if it had
// not been there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { database, verify_changes, with_copy } from '../support/change_log.mjs';
import { copy_of, later, new_folder, seeded, start_faulty } from '../support/faults.mjs';
import { root, start } from '../support/server.mjs';

let home, config, seed;

// An installation with one plugin more, whose entity takes long texts.
before(async () => {
  home = await new_folder();
  for (const folder of ['scripts', 'plugins', 'config']) await cp(join(root, folder), join(home, folder), { recursive: true });
  const plugin = join(home, 'plugins/note');
  await mkdir(plugin);
  await writeFile(join(plugin, 'plugin.lua'), `return {
    name = "note", version = "1.0.0", api = 1, title = { en = "Notes", zh = "便签" } }`);
  await writeFile(join(plugin, 'entities.lua'), `mill.entity "note" {
    label = { en = "Note", zh = "便签" },
    fields = { { "text", "long_text", max = 4000000, label = { en = "Text", zh = "内容" } } } }`);
  await writeFile(join(plugin, 'access.lua'), 'mill.access "note" { { role = "administrator", allow = "all" } }');
  config = join(home, 'config/tidemill.lua');
  await writeFile(config, `return { tenant = "demo", clients = { "demo" },
    plugins = { "org", "customer", "product", "lead", "sales", "console", "note" } }`);
  seed = await seeded(config);
});
after(async () => {
  await rm(seed, { recursive: true, force: true });
  await rm(home, { recursive: true, force: true });
});

// Sends all at once so that they share a commit: the sync of an earlier write is held while they gather.
async function as_one_group(server, admin, send) {
  await server.tell('hold');
  const first = admin.post('/api/v1/note', { text: 'goes before' });
  while (Number(await server.tell('held')) === 0) await later(5);
  const sent = send();
  await later(300);
  await server.tell('release');
  await first;
  return Promise.all(sent);
}

async function with_server(run) {
  const data = await copy_of(seed);
  const server = await start_faulty(data, { config });
  const admin = await server.log_in('admin');
  try {
    await run(server, admin, data);
  } finally {
    await server.kill();
    await rm(data, { recursive: true, force: true });
  }
}

// What is on disk: read after a restart without the file layer.
async function texts_on_disk(data) {
  const again = await start({ data, config });
  const notes = await (await again.log_in('admin')).all('/api/v1/note?fields=text');
  await again.stop();
  return notes.map((note) => note.text);
}

const counted = (answers, status) => answers.filter((answer) => answer.status === status).length;

test('an UPDATE that is interrupted half-way fails its own request and none of its seven neighbours', async () => {
  await with_server(async (server, admin, data) => {
    const note = (await admin.post('/api/v1/note', { text: 'before' })).body.data;

    const answers = await as_one_group(server, admin, () => Array.from({ length: 8 }, (_, i) => (i === 3
      ? admin.patch(`/api/v1/note/${note.id}`, { text: 'after [interrupt]' })
      : admin.post('/api/v1/note', { text: `neighbour ${i}` }))));

    assert.equal(counted(answers, 201), 7);
    assert.equal(answers[3].status, 500);
    assert.match(answers[3].headers.get('content-type'), /problem\+json/);
    await server.kill();
    const texts = await texts_on_disk(data);
    assert.equal(texts.filter((text) => text.startsWith('neighbour')).length, 7);
    assert.ok(texts.includes('before') && !texts.includes('after [interrupt]'));
  });
});

test('a write of 3 MiB where there is room for 64 KiB fails alone, and its seven neighbours are kept', async () => {
  await with_server(async (server, admin, data) => {
    // The log has grown before and is written over from its start, as on any server that has run for a while: seven commits
    // of their own fit into it.
    for (let i = 0; i < 6; i++) await admin.post('/api/v1/note', { text: 'x'.repeat(100_000) });
    await server.tell(`checkpoint ${database(data)}`);
    await server.tell('room 65536');

    const answers = await as_one_group(server, admin, () => Array.from({ length: 8 }, (_, i) => (
      admin.post('/api/v1/note', { text: i === 5 ? 'y'.repeat(3 * 1024 * 1024) : `neighbour ${i}` }))));

    assert.equal(counted(answers, 201), 7);
    assert.equal(answers[5].status, 503);
    assert.equal(answers[5].body.status, 503);
    await server.kill();
    const texts = await texts_on_disk(data);
    assert.equal(texts.filter((text) => text.startsWith('neighbour')).length, 7);
    assert.equal(texts.filter((text) => text.startsWith('y')).length, 0);
  });
});

test('when the sync of a commit fails, all of its requests hear that the outcome is unknown, and the next is kept', async () => {
  await with_server(async (server, admin, data) => {
    const answers = await as_one_group(server, admin, () => {
      // The write that is held comes first through the sync.
      server.tell('fail sync 1 1');
      return Array.from({ length: 8 }, (_, i) => admin.post('/api/v1/note', { text: `neighbour ${i}` }));
    });

    assert.equal(counted(answers, 503), 8);
    for (const answer of answers) assert.match(`${answer.body.type} ${answer.body.detail}`, /unknown|not known/);
    assert.equal((await admin.post('/api/v1/note', { text: 'after it' })).status, 201);
    await server.kill();
    const texts = await texts_on_disk(data);
    assert.ok(texts.includes('goes before') && texts.includes('after it'));
    await with_copy(database(data), verify_changes);
  });
});

test('with no room at all each runs again alone and answers 503', async () => {
  await with_server(async (server, admin, data) => {
    await server.tell('hold');
    const first = admin.post('/api/v1/note', { text: 'goes before' });
    while (Number(await server.tell('held')) === 0) await later(5);
    const sent = Array.from({ length: 8 }, (_, i) => admin.post('/api/v1/note', { text: `neighbour ${i}` }));
    await later(300);
    await server.tell('room 0');
    await server.tell('release');
    const answers = await Promise.all(sent);
    await first;

    assert.equal(counted(answers, 503), 8);
    for (const answer of answers) assert.ok(answer.headers.get('retry-after'));
    await server.tell('room off');
    assert.equal((await admin.post('/api/v1/note', { text: 'room again' })).status, 201);
    await server.kill();
    const texts = await texts_on_disk(data);
    assert.equal(texts.filter((text) => text.startsWith('neighbour')).length, 0);
    assert.ok(texts.includes('room again'));
  });
});

test('a change whose sync fails is answered as unknown, in the caller’s language, and nobody is told to send it again', async () => {
  await with_server(async (server, admin) => {
    await server.tell('fail sync 0 1');

    const answer = await admin.request('POST', '/api/v1/note', { text: 'perhaps' }, { 'accept-language': 'zh-CN' });

    assert.equal(answer.status, 503);
    assert.equal(answer.body.type, 'urn:tidemill:problem:outcome-unknown');
    assert.match(answer.body.title, /无法确定更改是否已保存/);
    assert.equal(answer.headers.get('retry-after'), null);
  });
});
