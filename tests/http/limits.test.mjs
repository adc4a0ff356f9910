// tests/http/limits.test.mjs: what one client, or many, can take of the server, and what is left for the others.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { assert_problem } from '../support/problem.mjs';
import { connect } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { demo_password, start, tidemill } from '../support/server.mjs';

let root;
let folder;

before(async () => {
  root = await make_root({ rows: 5 });
  folder = await mkdtemp(join(tmpdir(), 'tidemill-limits-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await root?.remove();
});

const later = (ms) => new Promise((done) => setTimeout(done, ms));

// The server under a limit of the shell.
async function program_under(limit) {
  const program = join(folder, `under ${limit.replaceAll(' ', '')}`);
  await writeFile(program, `#!/bin/sh\nulimit ${limit}\nexec "${tidemill}" "$@"\n`);
  await chmod(program, 0o755);
  return program;
}

// Processor time of a process so far, in ticks of 10 ms.
async function ticks(pid) {
  const [user, system] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ').slice(11, 13);
  return Number(user) + Number(system);
}

test('more connections than the process may have files are closed, and those that are open are served', async () => {
  const server = await start({ config: root.config, cwd: root.path, program: await program_under('-n 260') });
  try {
    const wires = await Promise.all(Array.from({ length: 300 }, () => connect(server.url)));
    await later(200);
    const files = (await readdir(`/proc/${server.child.pid}/fd`)).length;
    const began = await ticks(server.child.pid);
    await later(1000);
    const used = await ticks(server.child.pid) - began;
    const open = wires.filter((wire) => !wire.ended);
    const answers = await Promise.all(open.map((wire) => wire.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n').answer()));

    assert.ok(files < 260, `${files} files`);
    assert.ok(used < 30, `${used * 10} ms of processor time in a second in which nothing was asked`);
    assert.ok(open.length >= 16 && open.length < 260, `${open.length} connections`);
    assert.deepEqual([...new Set(answers.map((answer) => answer?.status))], [200]);

    for (const wire of wires) wire.drop();
    await later(100);
    assert.equal((await server.nobody.get('/healthz')).status, 200);
  } finally {
    await server.stop();
  }
});

test('companies that are opened find files when clients have all that they may', async () => {
  const hosts = ['one', 'two', 'three', 'four'].map((name) => `${name}.example`);
  const tenants = hosts.map((host) => `${host.split('.')[0]} = { hosts = { "${host}" }, clients = {} }`).join(', ');
  const several = await make_root({ rows: 10 });
  await several.edit('config/tidemill.lua', 'tenant = "demo",', `tenants = { ${tenants} }, tenant = "one", open_tenants = 4,`);
  const server = await start({ config: several.config, cwd: several.path, program: await program_under('-n 420') });
  try {
    const wires = await Promise.all(Array.from({ length: 450 }, () => connect(server.url)));
    await later(200);
    const [wire] = wires.filter(({ ended }) => !ended);
    const statuses = [];
    for (const host of hosts) statuses.push((await wire.send(`GET /api/v1/lead HTTP/1.1\r\nHost: ${host}\r\n\r\n`).answer())?.status);
    for (const one of wires) one.drop();

    assert.deepEqual(statuses, [401, 401, 401, 401]);
  } finally {
    await server.stop();
    await several.remove();
  }
});

test('a server that may open too few files to serve with says so and does not start', async () => {
  await assert.rejects(start({ config: root.config, cwd: root.path, program: await program_under('-n 64') }),
    /may open 64 files only \(ulimit -n\)/);
});

test('ten wrong passwords for a login close it to the right one too, for a minute and over all workers', async () => {
  const server = await start({ config: root.config, cwd: root.path });
  const try_login = (login, password, language = 'en') => server.nobody.request('POST', '/api/v1/session', { login, password },
    { 'accept-language': language, connection: 'close' });
  try {
    const statuses = [];
    for (let i = 0; i < 10; i += 1) statuses.push((await try_login(i % 2 ? 'HQ' : 'hq', `guess ${i}`)).status);
    const right = await try_login('hq', demo_password);
    const chinese = await try_login('hq', demo_password, 'zh');
    const other = await try_login('admin', demo_password);

    assert.deepEqual(statuses, Array(10).fill(401));
    assert_problem(right, 429);
    assert.equal(right.body.type, 'urn:tidemill:problem:many-attempts');
    assert.ok(Number(right.headers.get('retry-after')) > 30 && Number(right.headers.get('retry-after')) <= 60);
    assert.match(chinese.body.title, /一分钟后/);
    assert.equal(other.status, 201);
  } finally {
    await server.stop();
  }
});

test('a right password ends the count of wrong ones, and an unknown login is counted like a known one', async () => {
  const server = await start({ config: root.config, cwd: root.path });
  const try_login = (login, password) => server.nobody.post('/api/v1/session', { login, password });
  try {
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 9; i += 1) assert.equal((await try_login('hq', 'guess')).status, 401);
      assert.equal((await try_login('hq', demo_password)).status, 201);
    }
    for (let i = 0; i < 10; i += 1) assert.equal((await try_login('nobody', 'guess')).status, 401);
    assert.equal((await try_login('nobody', 'guess')).status, 429);
  } finally {
    await server.stop();
  }
});
