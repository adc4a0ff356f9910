// tests/http/backup.test.mjs: `tidemill backup` under load and with no server, `tidemill restore`, and what both refuse.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { ask, database, verify_changes } from '../support/change_log.mjs';
import { make_root } from '../support/root.mjs';
import { start, tidemill } from '../support/server.mjs';

let root, folder;
before(async () => {
  root = await make_root();
  folder = await mkdtemp(join(tmpdir(), 'tidemill-backup-'));
});
after(async () => {
  await root.remove();
  await rm(folder, { recursive: true, force: true });
});

function run(data, ...words) {
  const child = spawn(tidemill, [...words, '--config', root.config, ...data ? ['--data', data] : []], { cwd: folder });
  let out = '', err = '';
  child.stdout.on('data', (text) => { out += text; });
  child.stderr.on('data', (text) => { err += text; });
  return new Promise((done) => { child.once('close', (status) => done({ status, out, err })); });
}

let data_number = 0;
async function serve(use, data = join(folder, `data${data_number += 1}`)) {
  const server = await start({ config: root.config, cwd: root.path, data });
  try {
    await use(server, await server.log_in('admin'));
  } finally {
    await server.stop();
  }
  return data;
}

const create = (admin, name) => admin.post('/api/v1/lead', { name, region: 'east', score: 85 });
const names_in = async (path) => new Set((await ask(path, 'SELECT name FROM lead')).map(([name]) => name));
const snapshot = async (path) => Promise.all((await readdir(dirname(path), { withFileTypes: true }))
  .filter((entry) => entry.isFile()).map(({ name }) => name).sort()
  .map(async (name) => [name, (await readFile(join(dirname(path), name))).toString('base64')]));

test('a backup under load holds all that was answered before it began, and comes back', async () => {
  const file = join(folder, 'load.backup');
  const before_it = [];
  const data = await serve(async (server, admin) => {
    let over = false;
    const answered = [];
    const clients = Array.from({ length: 8 }, async (_, i) => {
      for (let j = 0; !over; j++) if ((await create(admin, `lead ${i}-${j}`)).status === 201) answered.push(`lead ${i}-${j}`);
    });
    while (answered.length < 50) await new Promise((later) => setTimeout(later, 5));
    before_it.push(...answered);
    const { status, out, err } = await run(server.data, 'backup', 'load.backup');
    over = true;
    await Promise.all(clients);

    assert.equal(status, 0, err);
    assert.match(out, /^\/.*load\.backup: \d+ bytes, \d+ changes, good\n$/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith('load.backup')), ['load.backup']);
    await create(admin, 'after the backup');
  });
  await verify_changes(file);
  const there = await names_in(file);
  assert.deepEqual(before_it.filter((name) => !there.has(name)), []);

  const { status, out, err } = await run(data, 'restore', file);

  assert.equal(status, 0, err);
  assert.match(out, /^\d+ changes restored; the database before is \/.*tenant\.db\.before-restore-\d{8}T\d{6}Z\n$/);
  await serve(async (server, admin) => {
    const now = new Set((await admin.all('/api/v1/lead?fields=name')).map((lead) => lead.name));
    assert.deepEqual(before_it.filter((name) => !now.has(name)), []);
    assert.ok(!now.has('after the backup'));
    assert.equal((await create(admin, 'after the restore')).status, 201);
  }, data);
  assert.ok((await names_in(out.trim().split(' ').at(-1))).has('after the backup'), 'the database before is not whole');
});

test('with no server the command does it itself; what is there already is left alone', async () => {
  const data = await serve(async (server, admin) => { await create(admin, 'a lead'); });
  const file = join(folder, 'quiet.backup');

  const first = await run(data, 'backup', file);
  const size = (await stat(file)).size;
  const second = await run(data, 'backup', file);

  assert.equal(first.status, 0, first.err);
  assert.ok((await names_in(file)).has('a lead'));
  assert.equal(second.status, 1);
  assert.match(second.err, /there is something at .*quiet\.backup already/);
  assert.equal((await stat(file)).size, size);
});

test('a file that is cut, changed or foreign is refused, and everything stays as it was', async () => {
  const data = await serve(async (server, admin) => { await create(admin, 'a lead'); });
  const good = join(folder, 'good.backup');
  assert.equal((await run(data, 'backup', good)).status, 0);
  const bytes = await readFile(good);
  const bad = {
    cut: async (path) => { await writeFile(path, bytes); await truncate(path, Math.floor(bytes.length / 2)); },
    'cut by a page': (path) => writeFile(path, bytes.subarray(0, bytes.length - 4096)),
    empty: (path) => writeFile(path, ''),
    'a text': (path) => writeFile(path, 'name,region\nA,east\n'),
    changed: async (path) => {
      const at = bytes.indexOf('"name":"a lead"'); // in the body of a change
      assert.ok(at > 0);
      await writeFile(path, bytes);
      const handle = await open(path, 'r+');
      await handle.write('B', at + 8);
      await handle.close();
    },
    foreign: (path) => new Promise((done, fail) => {
      spawn('sqlite3', [path, 'CREATE TABLE lead(id)']).once('close', (status) => (status === 0 ? done() : fail(new Error('sqlite3'))));
    }),
  };
  const before_it = await snapshot(database(data));
  for (const [what, make] of Object.entries(bad)) {
    const path = join(folder, `${what}.backup`);
    await make(path);

    const { status, out, err } = await run(data, 'restore', path);

    assert.equal(status, 1, `${what}: ${out}`);
    assert.match(err, /^tidemill: .* cannot be restored: ./, what);
    assert.deepEqual(await snapshot(database(data)), before_it, what);
  }
  assert.match((await run(data, 'restore', 'nothing')).err, /there is no file/);
});

test('while a server runs, restore is refused; the server goes on', async () => {
  const file = join(folder, 'served.backup');
  await serve(async (server, admin) => {
    assert.equal((await run(server.data, 'backup', file)).status, 0);

    const { status, err } = await run(server.data, 'restore', file);

    assert.equal(status, 1);
    assert.match(err, /a server serves this data folder: stop it first/);
    assert.equal((await create(admin, 'still there')).status, 201);
  });
});

test('a backup that cannot be written leaves nothing and says why', async () => {
  await serve(async (server) => {
    const { status, err } = await run(server.data, 'backup', join(folder, 'no/such/folder.backup'));

    assert.equal(status, 1);
    assert.match(err, /No such file or directory/);
  });
  const { status, err } = await run(join(folder, 'no-data'), 'backup', join(folder, 'none.backup'));
  assert.equal(status, 1);
  assert.match(err, /there is no database/);
});

test('a database that is broken is put aside with its log', async () => {
  const data = await serve(async (server, admin) => { await create(admin, 'a lead'); });
  const file = join(folder, 'rescue.backup');
  assert.equal((await run(data, 'backup', file)).status, 0);
  await writeFile(database(data), 'no database any more');
  await writeFile(`${database(data)}-wal`, 'nor a log');

  const { status, err } = await run(data, 'restore', file);

  assert.equal(status, 0, err);
  assert.ok((await names_in(database(data))).has('a lead'));
  assert.equal((await readdir(dirname(database(data)))).filter((name) => name.includes('before-restore')).length, 2);
});

test('help and wrong usage', async () => {
  for (const command of ['backup', 'restore']) {
    const help = await run(null, command, '--help');
    assert.equal(help.status, 0);
    assert.match(help.out, new RegExp(`^usage: tidemill ${command} FILE`));
    assert.equal((await run(null, command)).status, 2);
    assert.equal((await run(null, command, 'a', 'b')).status, 2);
  }
});
