// tests/http/clients.test.mjs: whose a request is, and how much one address may ask.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assert_problem } from '../support/problem.mjs';
import { connect } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { start } from '../support/server.mjs';

const later = (ms) => new Promise((done) => setTimeout(done, ms));

// A server with settings that only this test has.
async function with_settings(settings, use) {
  const own = await make_root({ rows: 1, clients: [] });
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

// More than the start asks until it hears that the server is ready, be the machine ever so slow.
test('one address may ask so often in a minute, over all workers; then it hears when to try again', () => with_settings(
  { client_requests: 600, limit_loopback: true, workers: 2 },
  async (server) => {
    const statuses = [];
    let last;
    while (last?.status !== 429 && statuses.length < 2000) {
      const wire = await connect(server.url);
      wire.send(get('/healthz').repeat(20));
      for (let i = 0; i < 20 && last?.status !== 429; i += 1) {
        last = await wire.answer();
        statuses.push(last.status);
      }
      if (last.status === 429) await wire.closed();
      wire.drop();
    }
    const wire = await connect(server.url);
    const again = await wire.send(get('/healthz')).answer();
    wire.drop();

    assert.ok(statuses.length > 20 && statuses.length <= 601, `${statuses.length} requests`);
    assert.deepEqual([...new Set(statuses.slice(0, -1))], [200]);
    for (const answer of [last, again]) {
      assert_problem(answer, 429, { says: /Too many requests came from this address/ });
      assert.ok(Number(answer.headers['retry-after']) >= 1 && Number(answer.headers['retry-after']) <= 60);
    }
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
