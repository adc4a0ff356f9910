// tests/http/stop.test.mjs: how the server starts, says that it is ready, and stops.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { database, verify_changes, with_copy } from '../support/change_log.mjs';
import { assert_problem } from '../support/problem.mjs';
import { connect } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { demo_password, start, tidemill } from '../support/server.mjs';

// Records that keep the home busy: `spin` rounds of a thousand steps each in the transaction.
const busy = {
  'plugin.lua': 'return { name = "busy", version = "1.0.0", api = 1, title = { en = "Busy", zh = "忙" } }\n',
  'access.lua': 'mill.access "busy" { { role = "administrator", allow = "all" } }\n',
  'entities.lua': `mill.entity "busy" {
  label = { en = "Busy", zh = "忙" },
  fields = { { "spin", "integer", label = { en = "Spin", zh = "转" } } },
}
`,
  'rules.lua': `mill.rule "busy.spin" {
  title = { en = "Spin", zh = "转" },
  on = "busy.created",
  run = function(busy)
    local x = 0
    for i = 1, busy.spin * 1000 do x = x + i % 7 end
  end,
}
`,
};

let root;
let folder; // of all data folders here; `seed` in it is one that has all the demo brings
let made = 0;

before(async () => {
  root = await make_root({ rows: 5, plugins: { busy } });
  await root.edit('config/tidemill.lua', 'log_requests = true,', 'log_requests = true,\n  budgets = { write_ms = 60000 },');
  folder = await mkdtemp(join(tmpdir(), 'tidemill-stop-'));
  await (await start({ config: root.config, cwd: root.path, data: join(folder, 'seed') })).stop();
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await root?.remove();
});

// A data folder of its own.
async function fresh() {
  const data = join(folder, `data ${made += 1}`);
  await cp(join(folder, 'seed'), data, { recursive: true });
  return data;
}

const serve = async (data, args) => start({ config: root.config, cwd: root.path, data: data ?? await fresh(), args });
const later = (ms) => new Promise((done) => setTimeout(done, ms));

// A start that should end by itself: its status and what it said.
function run(...args) {
  return new Promise((done) => {
    const child = spawn(tidemill, args, { cwd: root.path, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { said += text; });
    child.once('close', (status, signal) => { clearTimeout(timer); done({ status, signal, said }); });
  });
}
const refused = (...args) => run('serve', '--config', root.config, ...args);

const request = (method, path, body, ...headers) => [`${method} ${path} HTTP/1.1`, 'Host: x', ...headers,
  `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n') + `\r\n\r\n${body}`;

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} lets every request that has come in finish, ends with status 0, and a restart has all that was answered`, async () => {
    const data = await fresh();
    const server = await serve(data);
    const admin = await server.log_in('admin');
    const name = (i) => `${signal} ${i}`;
    // Passwords take a while, so that these are in flight when the signal comes.
    const wires = await Promise.all(Array.from({ length: 24 }, () => connect(server.url)));
    wires.forEach((wire, i) => wire.send(i % 3 === 0 ? request('POST', '/api/v1/session', JSON.stringify({ login: 'hq', password: demo_password }))
      : i % 3 === 1 ? request('POST', '/api/v1/user', JSON.stringify({ login: `user.${i}`, name: name(i), password: 'a password' }), `Cookie: ${admin.cookie}`)
        : request('POST', '/api/v1/lead', JSON.stringify({ name: name(i), region: 'east', score: 85 }), `Cookie: ${admin.cookie}`)));
    await later(process.env.VARIANT === 'fresh' ? 300 : 60); // there a request takes long to be taken in

    server.child.kill(signal);
    const answers = await Promise.all(wires.map((wire) => wire.answer()));
    const end = await server.ended;

    assert.deepEqual(answers.map((answer) => answer?.status), Array(24).fill(201));
    assert.ok(answers.some((answer) => answer.headers.connection === 'close'), 'all were answered before the signal: it proves nothing');
    assert.deepEqual(end, { code: 0, signal: null });
    await assert.rejects(fetch(`${server.url}/healthz`));

    const again = await serve(data);
    const client = await again.log_in('admin');
    const there = [...await client.all('/api/v1/lead'), ...await client.all('/api/v1/user')].map((one) => one.name);
    answers.forEach((_, i) => assert.ok(i % 3 === 0 || there.includes(name(i)), name(i)));
    const cookie = answers[0].headers['set-cookie'].split(';')[0];
    assert.equal((await again.nobody.request('GET', '/api/v1/session', undefined, { cookie })).status, 200, 'a session outlives the restart');
    assert.equal((await again.stop()).code, 0);
    await with_copy(database(data), verify_changes);
  });
}

// How many rounds keep the home busy for so long, on this machine.
async function rounds_of(ms, client) {
  const began = Date.now();
  assert.equal((await client.post('/api/v1/busy', { spin: 10_000 })).status, 201);
  return Math.ceil(10_000 * ms / (Date.now() - began));
}

test('a stop during a change of the generation ends both', async () => {
  const server = await serve(undefined, ['--watch']);
  const admin = await server.log_in('admin');
  // The switch waits in the lane behind this.
  const slow = admin.post('/api/v1/busy', { spin: await rounds_of(5000, admin) }).then((answer) => answer.status);
  await later(300);
  await root.write('plugins/busy/rules.lua', `${busy['rules.lua']}-- changed\n`);
  await later(2500); // the builder is done

  server.child.kill('SIGTERM');

  assert.equal(await slow, 201);
  assert.deepEqual(await server.ended, { code: 0, signal: null }, server.logs);
  assert.match(server.logs, /outcome=serves[^]*stop[^]*outcome=serves/, 'the stop did not come during the change: it proves nothing');
});

test('a stop ends an import after the slice that runs, and what is in stays in', async () => {
  const data = await fresh();
  const server = await serve(data);
  const file = join(folder, 'long.csv');
  const rows = Array.from({ length: 20_000 }, (_, i) => `STOP${i},Anna Snelling,GTX Pro,,Engaging,2017-01-02,,`);
  await writeFile(file, ['opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value', ...rows, ''].join('\n'));
  const importing = run('import', 'opportunity', file, '--config', root.config, '--data', data);
  const hq = await server.log_in('hq');
  while ((await hq.get('/api/v1/opportunity?number=STOP99&limit=1')).body.data.length === 0) await later(20);
  const began = Date.now();

  const end = await server.stop();
  const took = Date.now() - began;

  const { status, said } = await importing;
  assert.deepEqual([end.code, status], [0, 1]);
  assert.match(said, /the server is stopping; what is in stays in/);
  assert.ok(took < 3000, `${took} ms`);
  const again = await serve(data);
  const there = (await (await again.log_in('hq')).get('/api/v1/opportunity?number=STOP99&limit=1')).body.data.length;
  await again.stop();
  assert.equal(there, 1);
});

for (const seeded of [false, true]) {
  test(`a stop in the first moments of a start ends it, ${seeded ? 'over data that is there' : 'while the demo comes in'}`, async () => {
    const data = seeded ? await fresh() : join(folder, 'first moments');
    for (let ms = 20; ms <= 300; ms += 40) {
      const child = spawn(tidemill, ['serve', '--config', root.config, '--data', data, '--listen', '127.0.0.1:0'],
        { cwd: root.path, stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = new Promise((done) => child.once('close', (code, signal) => done(signal ?? code)));
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
      await later(ms);
      child.kill('SIGTERM');
      const end = await Promise.race([ended, later(15_000).then(() => 'it hangs')]);
      child.kill('SIGKILL');

      // Before the handler is there the signal ends it by itself.
      assert.ok(end === 0 || (end === 'SIGTERM' && said === ''), `after ${ms} ms: ${end}\n${said}`);
      assert.doesNotMatch(said, /stop text[^]*Tidemill serves/);
      if (!seeded) await rm(data, { recursive: true, force: true });
    }
  });
}

test('a stop takes no longer than its requests: connections that wait for nothing are closed at once', async () => {
  const server = await serve();
  const wires = await Promise.all(Array.from({ length: 20 }, () => connect(server.url)));
  for (const wire of wires.slice(10)) await wire.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n').answer();
  const began = Date.now();

  const end = await server.stop();

  assert.equal(end.code, 0);
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
  for (const wire of wires) await wire.closed();
});

test('while the demo comes in the server is alive but not ready, and its data is there once it is', async () => {
  const full = await make_root({ rows: 2000 });
  const states = new Set();
  const child = spawn(tidemill, ['serve', '--config', full.config, '--data', join(folder, 'ready'), '--listen', '127.0.0.1:0'],
    { cwd: full.path, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
    let port;
    for (let i = 0; i < 400 && !port; i += 1) {
      await later(10);
      port = await listening_port(child.pid);
    }
    assert.ok(port, said);
    const url = `http://127.0.0.1:${port}`;
    for (let status = 0; status !== 200;) {
      const [ready, alive] = await Promise.all(['readyz', 'healthz'].map((path) => fetch(`${url}/${path}`)));
      assert.equal(alive.status, 200);
      assert.equal(await alive.text(), 'ok\n');
      status = ready.status;
      states.add(`${status} ${await ready.text()}`);
      await later(20);
    }

    assert.deepEqual([...states], ['503 starting\n', '200 ready\n']);
    assert.match(said, new RegExp(`Tidemill serves http://127\\.0\\.0\\.1:${port}/`), 'the address is printed, also of a port that the system chose');
  } finally {
    child.kill('SIGTERM');
    await new Promise((done) => child.once('close', done));
    await full.remove();
  }
});

// Where a process listens: as the kernel says, for the server itself says it only when it is ready.
async function listening_port(pid) {
  const links = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  for (const line of (await readFile('/proc/net/tcp', 'utf8')).split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[3] === '0A' && links.includes(`socket:[${columns[9]}]`)) return parseInt(columns[1].split(':')[1], 16);
  }
  return null;
}

test('readyz and healthz are open, tell nothing more, and know HEAD', async () => {
  const server = await serve();
  try {
    for (const [path, text] of [['/readyz', 'ready\n'], ['/healthz', 'ok\n']]) {
      const got = await server.nobody.get(path);
      assert.deepEqual([got.status, got.text, got.headers.get('set-cookie')], [200, text, null]);
      assert.equal((await server.nobody.request('HEAD', path)).status, 200);
      const changed = await server.nobody.request('POST', path, {});
      assert_problem(changed, 405);
      assert.equal(changed.headers.get('allow'), 'GET, HEAD');
    }
    assert_problem(await server.nobody.get('/healthz/x'), 404);
  } finally {
    await server.stop();
  }
});

test('what a server keeps is for its owner only', async () => {
  const data = join(folder, 'owner');
  const server = await serve(data);
  try {
    for (const name of ['', 'lock', 'admin.sock', 'tenants', 'tenants/demo', ...['', '-wal', '-shm'].map((end) => `tenants/demo/tenant.db${end}`)]) {
      const { mode } = await stat(join(data, name));
      assert.equal(mode & 0o077, 0, `${name} has mode ${(mode & 0o777).toString(8)}`);
    }
  } finally {
    await server.stop();
  }
});

test('a server with demo logins listens on the loopback only', async () => {
  for (const address of ['0.0.0.0:0', '[::]:0']) {
    const { status, said } = await refused('--data', join(folder, 'open'), '--listen', address);

    assert.equal(status, 1, said);
    assert.match(said, /demo_logins_beyond_loopback/, address);
  }
});

test('also when the data has them from a pack that is loaded no more', async () => {
  const bare = await make_root({ clients: [] });
  const { status, said } = await run('serve', '--config', bare.config, '--data', await fresh(), '--listen', '0.0.0.0:0');
  await bare.remove();

  assert.equal(status, 1, said);
  assert.match(said, /demo_logins_beyond_loopback/);
});

test('unless the setting says otherwise', async () => {
  const open = await make_root({ rows: 5 });
  await open.setting('demo_logins_beyond_loopback', 'true');
  const child = spawn(tidemill, ['serve', '--config', open.config, '--data', join(folder, 'beyond'), '--listen', '0.0.0.0:0'],
    { cwd: open.path, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
  for (let i = 0; i < 400 && !/Tidemill serves/.test(said) && child.exitCode === null; i += 1) await later(25);
  child.kill('SIGTERM');
  const status = await new Promise((done) => child.exitCode === null ? child.once('close', done) : done(child.exitCode));
  await open.remove();

  assert.match(said, /Tidemill serves http:\/\/0\.0\.0\.0:\d+\//);
  assert.equal(status, 0);
});

test('a data folder or a port that is in use is named, and who uses it is not disturbed', async () => {
  const server = await serve();
  const { host } = new URL(server.url);

  const same_data = await refused('--data', server.data, '--listen', '127.0.0.1:0');
  const same_port = await refused('--data', join(folder, 'other'), '--listen', host);

  try {
    assert.equal(same_data.status, 1);
    assert.match(same_data.said, /in use by another tidemill/);
    assert.ok(same_data.said.includes(server.data), same_data.said);
    assert.equal(same_port.status, 1);
    assert.match(same_port.said, /Address already in use/);
    assert.ok(same_port.said.includes(host), same_port.said);
    assert.equal((await server.log_in('hq').then((hq) => hq.get('/api/v1/lead'))).status, 200);
    assert.equal((await stat(join(server.data, 'admin.sock'))).isSocket(), true);
  } finally {
    await server.stop();
  }
});

test('after a kill the next start needs no hand', async () => {
  const data = await fresh();
  const server = await serve(data);
  const admin = await server.log_in('admin');
  assert.equal((await admin.post('/api/v1/contact', { name: 'Before the kill' })).status, 201);

  await server.kill();
  const again = await serve(data);

  try {
    assert.equal((await (await again.log_in('admin')).get('/api/v1/contact')).body.data[0].name, 'Before the kill');
  } finally {
    await again.stop();
  }
});

test('a start that cannot be is refused in words, with status 1', async () => {
  const broken = join(folder, 'broken.lua');
  await writeFile(broken, 'return {\n  listen = \n}\n');
  const unknown = join(folder, 'unknown.lua');
  await writeFile(unknown, 'return { lisen = "127.0.0.1:1" }\n');
  const closed = join(folder, 'closed');
  await writeFile(closed, 'this is no folder');
  const data = join(folder, 'never');

  const long = join(folder, 'a'.repeat(100));
  const cases = [
    [['serve', '--config', root.config, '--data', long, '--listen', '127.0.0.1:0'], /admin\.sock is too long for a socket: it may have 107 bytes/],
    [['serve', '--config', join(folder, 'none.lua'), '--data', data], /none\.lua/],
    [['serve', '--config', broken, '--data', data], /broken\.lua.*3|broken\.lua:3/],
    [['serve', '--config', unknown, '--data', data], /lisen.*listen/],
    [['serve', '--config', root.config, '--data', closed, '--listen', '127.0.0.1:0'], /closed/],
    [['serve', '--config', root.config, '--data', data, '--listen', 'nonsense'], /HOST:PORT/],
    [['serve', '--config', root.config, '--data', data, '--listen', '127.0.0.1:99999'], /HOST:PORT/],
    [['serve', '--config', root.config, '--data', data, '--listen', '127.0.0.1:'], /HOST:PORT/],
  ];
  for (const [args, says] of cases) {
    const { status, said } = await run(...args);
    assert.equal(status, 1, `${args}: ${said}`);
    assert.match(said, says);
  }
});

test('wrong usage ends with status 2 and says what is right; --help ends with 0', async () => {
  for (const args of [[], ['nonsense'], ['serve', '--nonsense'], ['serve', 'word'], ['serve', '--listen'], ['check', '--watch'], ['test', '--data', 'x'], ['version', '--json'], ['serve', '--routes'], ['import'], ['token', 'admin']]) {
    const { status, said } = await run(...args);
    assert.equal(status, 2, `${args}: ${said}`);
    assert.match(said, /usage: tidemill/);
  }
  for (const args of [['--help'], ['serve', '--help'], ['import', '--help'], ['check', '-h'], ['version']]) {
    const { status, said } = await run(...args);
    assert.equal(status, 0, `${args}: ${said}`);
    assert.match(said, /tidemill/);
  }
});

test('a database that is none is refused in words and left as it is', async () => {
  const data = await fresh();
  const words = 'this is no database, but it may be somebody’s letter\n'.repeat(100);
  for (const end of ['-wal', '-shm']) await rm(database(data) + end, { force: true });
  await writeFile(database(data), words);

  const { status, said } = await refused('--data', data, '--listen', '127.0.0.1:0');

  assert.equal(status, 1, said);
  assert.match(said, /tenant\.db/);
  assert.equal(await readFile(database(data), 'utf8'), words);
});
