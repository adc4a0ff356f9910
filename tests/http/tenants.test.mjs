// tests/http/tenants.test.mjs: several companies in one server: each by its host, none with anything of another's.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { assert_problem } from '../support/problem.mjs';
import { make_root, pipeline } from '../support/root.mjs';
import { demo_password, root as repository, slow, start, tidemill } from '../support/server.mjs';

const run = promisify(execFile);

// Two companies with the demo's people, one without any client pack, and no more than two open at once.
const tenants = `{
    north = { hosts = { "north.example", "crm.north.example" } },
    south = { hosts = { "south.example" } },
    empty = { hosts = { "empty.example" }, clients = {} },
    broken = { hosts = { "broken.example" }, clients = { "nothing" } },
  }, open_tenants = 2, tenant = "north"`;

let root, server;
before(async () => {
  root = await make_root({ rows: 10 });
  await root.edit('config/tidemill.lua', 'tenant = "demo",', `tenants = ${tenants},`);
  server = await start({ config: root.config, cwd: root.path, args: ['--watch'] });
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

// fetch sets Host itself.
function ask(url, method, path, headers, body) {
  return new Promise((done, failed) => {
    const sent = request(url + path, { method, headers, agent: false }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const is_json = /[/+]json\b/.test(answer.headers['content-type'] ?? '');
        done({ status: answer.statusCode, headers: answer.headers, text, body: is_json ? JSON.parse(text) : null });
      });
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

const at = (host, method, path, { cookie, body } = {}) => ask(server.url, method, path, {
  host, ...(cookie ? { cookie } : {}), ...(body ? { 'content-type': 'application/json' } : {}),
}, body && JSON.stringify(body));

async function log_in(host, login = 'admin') {
  const { status, headers } = await at(host, 'POST', '/api/v1/session', { body: { login, password: demo_password } });
  assert.equal(status, 201);
  return headers['set-cookie'][0].split(';')[0];
}

// How many companies of a server are open, by its log.
const open_in = ({ logs }) => logs.match(/ tenant name=\w+ outcome=(opened|closed)/g)
  .reduce((count, line) => count + (line.endsWith('opened') ? 1 : -1), 0);
const open = () => open_in(server);

test('the host says which company is meant', async () => {
  const north = await log_in('north.example');
  const south = await log_in('South.Example:8080');
  const made = await at('north.example', 'POST', '/api/v1/lead', { cookie: north, body: { name: 'Only in the north', region: 'east', score: 1 } });
  const path = `/api/v1/lead/${made.body.data.id}`;

  assert.equal(made.status, 201);
  assert.equal((await at('crm.north.example', 'GET', path, { cookie: north })).status, 200);
  assert.equal((await at('south.example', 'GET', path, { cookie: south })).status, 404);
  assert.deepEqual((await at('south.example', 'GET', '/api/v1/lead?name=Only%20in%20the%20north', { cookie: south })).body.data, []);
});

test('a session of one company is none of another', async () => {
  const north = await log_in('north.example');

  assert.equal((await at('north.example', 'GET', '/api/v1/session', { cookie: north })).status, 200);
  assert_problem(await at('south.example', 'GET', '/api/v1/lead', { cookie: north }), 401);
});

test('a host that nobody has means the default company', async () => {
  const north = await log_in('north.example');

  assert.equal((await at('elsewhere.example', 'GET', '/api/v1/session', { cookie: north })).status, 200);
});

test('what each company has stays when others take its place, and only so many are open', async () => {
  const cookies = { 'north.example': await log_in('north.example'), 'south.example': await log_in('south.example') };

  for (let round = 0; round < 3; round++) {
    assert.equal((await at('empty.example', 'GET', '/api/v1/lead')).status, 401);
    assert.ok(open() <= 2, `${open()} are open`);
    for (const [host, cookie] of Object.entries(cookies)) {
      const { status, body } = await at(host, 'POST', '/api/v1/lead', { cookie, body: { name: `Round ${round}`, region: 'east', score: 1 } });
      assert.equal(status, 201, JSON.stringify(body));
      assert.ok(open() <= 2, `${open()} are open`);
    }
  }
  for (const [host, cookie] of Object.entries(cookies)) {
    const { body } = await at(host, 'GET', '/api/v1/lead?name.has=Round&sort=name', { cookie });
    assert.deepEqual(body.data.map(({ name }) => name), ['Round 0', 'Round 1', 'Round 2']);
  }
});

test('wrong passwords stay counted while a company is closed', async () => {
  const guess = () => at('north.example', 'POST', '/api/v1/session', { body: { login: 'hq', password: 'not the password' } });
  for (let i = 0; i < 10; i++) assert.equal((await guess()).status, 401);
  const closed = server.logs.match(/ tenant name=north outcome=closed/g)?.length ?? 0;

  for (const host of ['south.example', 'empty.example']) await at(host, 'GET', '/api/v1/lead');

  assert.equal(server.logs.match(/ tenant name=north outcome=closed/g)?.length, closed + 1);
  assert_problem(await guess(), 429);
});

test('requests that come at once for companies that are closed are all answered', async () => {
  const hosts = ['north.example', 'south.example', 'empty.example'];
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => at(hosts[i % 3], 'GET', '/api/v1/session')));

  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([401]));
});

test('a company that cannot be opened is answered 503, with the reason in the log, and the others serve on', async () => {
  assert_problem(await at('broken.example', 'GET', '/api/v1/lead'), 503);
  assert_problem(await at('broken.example', 'GET', '/api/v1/lead'), 503);
  assert.match(server.logs, / tenant name=broken outcome=failed text=".*config\/clients\/nothing/);
  assert.equal((await at('north.example', 'GET', '/api/v1/lead')).status, 401);
});

test('a saved file comes to every company that is open, and to the others when they are opened', async () => {
  await root.edit('plugins/lead/entities.lua', '{ "company",', '{ "motto", "text", label = { en = "Motto", zh = "口号" } },\n    { "company",');
  for (const host of ['north.example', 'south.example', 'empty.example', 'north.example']) {
    const cookie = host === 'empty.example' ? undefined : await log_in(host);
    for (let i = 0; cookie && i < 100; i++) {
      const { body } = await at(host, 'GET', '/api/v1/lead?limit=1', { cookie });
      if (body.data[0] && 'motto' in body.data[0]) break;
      assert.ok(i < 99, `${host} has no motto`);
      await new Promise((later) => setTimeout(later, 50));
    }
  }
});

test('a company that was closed comes back with the generation that it had, until a file is saved', async () => {
  const cookie = await log_in('north.example');
  const generations = async () => (await at('north.example', 'GET', '/api/v1/generation', { cookie })).body;
  const make_room = async () => {
    for (const host of ['south.example', 'empty.example']) await at(host, 'GET', '/api/v1/lead');
  };
  const { data, serves } = await generations();
  const earlier = data.find(({ hash, result }) => result === 'served' && hash !== serves).hash;
  assert.equal((await at('north.example', 'POST', `/api/v1/generation/${earlier}/activate`, { cookie })).status, 200);
  const returned = await generations();
  const closed = () => server.logs.match(/ tenant name=north outcome=closed/g).length;
  const closed_before = closed();

  // Who was asked for last is known to a second.
  for (let i = 0; closed() === closed_before; i++) {
    assert.ok(i < 200, 'north is not closed');
    await make_room();
    await new Promise((later) => setTimeout(later, 50));
  }
  const found = await generations();

  assert.equal(found.serves, earlier);
  assert.deepEqual(found.data, returned.data);

  await make_room();
  await root.write('plugins/lead/decisions/more.txt', 'another file');
  for (let i = 0; (await generations()).serves === earlier; i++) {
    assert.ok(i < 99, 'what was saved does not come');
    await new Promise((later) => setTimeout(later, 50));
  }
});

test('the log says whose a request and a generation are', async () => {
  await at('crm.north.example', 'GET', '/api/v1/lead');
  await at('south.example', 'GET', '/api/v1/lead');

  assert.match(server.logs, / request request=\w+ method=GET path=\/api\/v1\/lead .* ms=[\d.]+ tenant=north\n/);
  assert.match(server.logs, / request request=\w+ method=GET path=\/api\/v1\/lead .* ms=[\d.]+ tenant=south\n/);
  assert.match(server.logs, / generation hash=\w+ outcome=serves cause=start tenant=south ms=/);
});

test('the companies are listed, with their hosts and the size of what they have', async () => {
  const { stdout } = await run(tidemill, ['tenant', 'list', '--json', '--config', root.config, '--data', server.data]);
  const listed = JSON.parse(stdout);

  assert.deepEqual(listed.map(({ name }) => name), ['broken', 'empty', 'north', 'south']);
  assert.deepEqual(listed[2].hosts, ['north.example', 'crm.north.example']);
  assert.deepEqual(listed.map((one) => one.default), [false, false, true, false]);
  assert.ok(listed.every(({ bytes }) => bytes > 0));
  assert.deepEqual((await readdir(join(server.data, 'tenants'))).sort(), ['broken', 'empty', 'north', 'south']);
});

test('check looks at each company, or at the one that is named', async () => {
  const check = (...args) => run(tidemill, ['check', '--config', root.config, ...args]);
  const one = await check('--tenant', 'south');
  const all = await check().catch((error) => error);

  assert.match(one.stderr, /^good: generation \w+, \d+ files\n/);
  assert.equal(all.code, 1);
  assert.match(all.stderr, /^broken:\ntidemill: .*nothing.*\nempty:\ngood: .*\nnorth:\ngood: .*\nsouth:\ngood: /);
});

test('commands say whom they mean', async () => {
  const options = ['--config', root.config, '--data', server.data];
  const token = async (...args) => (await run(tidemill, ['token', 'admin', 'a program', ...options, ...args])).stdout.trim();
  const with_token = (host, text) => ask(server.url, 'GET', '/api/v1/session', { host, authorization: `Bearer ${text}` });
  const south = await token('--tenant', 'south');
  const north = await token();

  assert.equal((await with_token('south.example', south)).status, 200);
  assert.equal((await with_token('north.example', south)).status, 401);
  assert.equal((await with_token('north.example', north)).status, 200);
  await assert.rejects(token('--tenant', 'west'), /there is no tenant west in the settings/);
});

test('a command opens a company within the bound, too', async () => {
  const opened = () => server.logs.match(/ tenant name=\w+ outcome=opened/g).length;
  const before_ = opened();
  for (const name of ['empty', 'south', 'north', 'empty']) {
    await run(tidemill, ['generation', 'list', '--tenant', name, '--config', root.config, '--data', server.data]);
    assert.ok(open() <= 2, `${open()} are open`);
  }
  assert.ok(opened() > before_, 'all were open already: it proves nothing');
});

test('nobody waits without end for those that are open and busy', { timeout: 60_000 * slow }, async () => {
  const other = await make_root({ rows: 5 });
  await other.edit('config/tidemill.lua', 'tenant = "demo",', `tenants = ${tenants.replace('open_tenants = 2', 'open_tenants = 1')},`);
  const busy = await start({ config: other.config, cwd: other.path });
  try {
    const file = join(other.path, 'many.csv');
    const [head, ...rows] = (await readFile(join(repository, pipeline), 'utf8')).trim().split('\n');
    const many = Array.from({ length: 30 }, (_, i) => rows.map((row) => `${i}-${row}`).join('\n'));
    await writeFile(file, `${head}\n${many.join('\n')}\n`);
    const importing = run(tidemill, ['import', 'opportunity', file, '--config', other.config, '--data', busy.data]).catch((error) => error);

    const admin = await busy.log_in('admin');
    while ((await admin.get('/api/v1/opportunity/summary?count')).body.data[0].count < 100) { /* until it has begun */ }

    const answer = await ask(busy.url, 'GET', '/api/v1/lead', { host: 'south.example' });

    assert_problem(answer, 503);
    assert.equal((await ask(busy.url, 'GET', '/api/v1/lead', { host: 'north.example' })).status, 401);
    assert.equal(open_in(busy), 1);
    await busy.stop();
    await importing;
  } finally {
    await busy.stop();
    await other.remove();
  }
});

test('where no company is the default, an unknown host is misdirected and a command must say whom it means', async () => {
  const other = await make_root({ rows: 5 });
  await other.edit('config/tidemill.lua', 'tenant = "demo",', 'tenants = { north = { hosts = { "north.example" } } },');
  const alone = await start({ config: other.config, cwd: other.path });
  try {
    for (const language of ['en', 'zh-CN']) {
      const answer = await ask(alone.url, 'GET', '/api/v1/lead', { host: 'elsewhere.example', 'accept-language': language });
      assert_problem(answer, 421, { says: language === 'en' ? /Nobody is served under this address/ : /此地址没有对应的公司/ });
    }
    assert.equal((await ask(alone.url, 'GET', '/healthz', { host: 'elsewhere.example' })).status, 200);
    assert.equal((await ask(alone.url, 'GET', '/api/v1/lead', { host: 'north.example' })).status, 401);
    await assert.rejects(run(tidemill, ['token', 'admin', 'x', '--config', other.config, '--data', alone.data]), /which tenant is meant\? Say --tenant NAME/);
  } finally {
    await alone.stop();
    await other.remove();
  }
});

test('settings of tenants that cannot be right are refused', async () => {
  const wrong = [
    ['{ ["No Name"] = {} }', /a tenant's name has up to 64 small letters, digits, _ and -, not "No Name"/],
    ['{ a = { host = {} } }', /there is no setting tenants\.a\.host; a tenant has hosts, plugins, clients/],
    ['{ a = { hosts = { "x.example" } }, b = { hosts = { "X.example" } } }', /the tenants \w and \w have the same host/i],
    ['{ a = { hosts = { "x.example:80" } } }', /must be a name without a port/],
  ];
  for (const [text, words] of wrong) {
    const other = await make_root({ rows: 5 });
    await other.edit('config/tidemill.lua', 'tenant = "demo",', `tenants = ${text},`);
    await assert.rejects(run(tidemill, ['check', '--config', other.config]), words);
    await other.remove();
  }
});
