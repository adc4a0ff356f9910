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
  const server = await start({ config: root.config, cwd: root.path, program: await program_under('-n 160') });
  try {
    const wires = await Promise.all(Array.from({ length: 300 }, () => connect(server.url)));
    await later(200);
    const files = (await readdir(`/proc/${server.child.pid}/fd`)).length;
    const began = await ticks(server.child.pid);
    await later(1000);
    const used = await ticks(server.child.pid) - began;
    const open = wires.filter((wire) => !wire.ended);
    const answers = await Promise.all(open.map((wire) => wire.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n').answer()));

    assert.ok(files < 160, `${files} files`);
    assert.ok(used < 30, `${used * 10} ms of processor time in a second in which nothing was asked`);
    assert.ok(open.length >= 16 && open.length < 160, `${open.length} connections`);
    assert.deepEqual([...new Set(answers.map((answer) => answer?.status))], [200]);

    for (const wire of wires) wire.drop();
    await later(100);
    assert.equal((await server.nobody.get('/healthz')).status, 200);
  } finally {
    await server.stop();
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

// A server with settings that only this test has.
async function with_settings(settings, use) {
  const own = await make_root({ rows: 1 });
  for (const [name, value] of Object.entries(settings)) await own.setting(name, value);
  const server = await start({ config: own.config, cwd: own.path });
  try {
    await use(server);
  } finally {
    await server.stop();
    await own.remove();
  }
}

const get = (path, ...headers) => `${[`GET ${path} HTTP/1.1`, 'Host: x', ...headers].join('\r\n')}\r\n\r\n`;

test('one address may open so many connections over all workers; further ones are told so, and later there is room again', () => with_settings(
  { client_connections: 8, limit_loopback: true, workers: 2 },
  async (server) => {
    const wires = await Promise.all(Array.from({ length: 20 }, () => connect(server.url)));
    const answers = await Promise.all(wires.map((wire) => wire.send(get('/healthz', 'Accept-Language: zh')).answer()));
    const refused = answers.filter(({ status }) => status !== 200);

    // The start asked over a connection of its own, which may be open still.
    assert.ok(refused.length >= 12 && refused.length <= 14, `${refused.length} refused`);
    for (const answer of refused) {
      assert_problem(answer, 429);
      assert.equal(answer.headers['retry-after'], '1');
      assert.equal(answer.headers.connection, 'close');
      assert.deepEqual([answer.body.title, answer.body.detail], ['请求过多，请稍后重试', '此地址打开的连接过多。']);
    }

    for (const wire of wires) wire.drop();
    let again;
    for (let i = 0; i < 50 && again?.status !== 200; i += 1) {
      await later(20);
      const wire = await connect(server.url);
      again = await wire.send(get('/healthz')).answer();
      wire.drop();
    }
    assert.equal(again.status, 200);
  },
));

test('one address may ask so often in a minute, over all workers; then it hears when to try again', () => with_settings(
  { client_requests: 30, limit_loopback: true, workers: 2 },
  async (server) => {
    const statuses = [];
    let last;
    for (let i = 0; i < 40; i += 1) {
      const wire = await connect(server.url);
      last = await wire.send(get('/healthz')).answer();
      statuses.push(last.status);
      wire.drop();
    }

    assert.equal(statuses.at(0), 200);
    assert.equal(statuses.at(-1), 429);
    assert.equal(statuses.lastIndexOf(200) + 1, statuses.indexOf(429), String(statuses));
    assert_problem(last, 429, { says: /Too many requests came from this address/ });
    assert.ok(Number(last.headers['retry-after']) > 1 && Number(last.headers['retry-after']) <= 60);
  },
));

test('this machine is not limited by itself', () => with_settings({ client_connections: 1, client_requests: 1 }, async (server) => {
  const wires = await Promise.all(Array.from({ length: 10 }, () => connect(server.url)));
  const answers = await Promise.all(wires.map((wire) => wire.send(get('/healthz')).answer()));
  assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200));
  for (const wire of wires) wire.drop();
}));

test('behind a trusted proxy the limits are of the client that it names, and so is the log', () => with_settings(
  { client_requests: 2, client_connections: 1, trusted_proxies: '{ "127.0.0.0/8" }' },
  async (server) => {
    const ask = async (forwarded) => {
      const wire = await connect(server.url);
      const answer = await wire.send(get('/healthz', `X-Forwarded-For: ${forwarded}`)).answer();
      wire.drop();
      return answer.status;
    };

    assert.deepEqual([await ask('192.0.2.1'), await ask('203.0.113.1, 192.0.2.1'), await ask('192.0.2.1, 127.0.0.9')], [200, 200, 429]);
    assert.deepEqual([await ask('192.0.2.2'), await ask('2001:db8::1'), await ask('2001:db8::2'), await ask('2001:db8::3')], [200, 200, 200, 429]);
    assert.match(server.logs, /client=192\.0\.2\.2 /);
  },
));

test('nobody else is believed', () => with_settings({ client_requests: 1, trusted_proxies: '{ "192.0.2.0/24" }' }, async (server) => {
  for (let i = 0; i < 3; i += 1) {
    const wire = await connect(server.url);
    assert.equal((await wire.send(get('/healthz', 'X-Forwarded-For: 198.51.100.7')).answer()).status, 200);
    wire.drop();
  }
  assert.doesNotMatch(server.logs, /client=198/);
}));

test('a trusted proxy that is no address stops the start', async () => {
  await assert.rejects(with_settings({ trusted_proxies: '{ "10.0.0.0/33" }' }, () => {}), /trusted_proxies: 10\.0\.0\.0\/33 is no address and no network/);
});
