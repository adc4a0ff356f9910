// tests/http/metrics.test.mjs: what /metrics tells, and whom.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assert_problem } from '../support/problem.mjs';
import { make_root } from '../support/root.mjs';
import { start } from '../support/server.mjs';

let root;
let server;
let admin;

before(async () => {
  root = await make_root({ rows: 5 });
  server = await start({ config: root.config, cwd: root.path, args: ['--watch'] });
  admin = await server.log_in('admin');
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

// The value of each line, by its name and labels.
async function metrics() {
  const { status, text, headers } = await server.nobody.get('/metrics');
  assert.equal(status, 200);
  assert.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const values = new Map();
  for (const line of text.trimEnd().split('\n')) {
    if (/^# (HELP|TYPE) [a-z_]+ \S/.test(line)) continue;
    const [, name, value] = /^([a-z_]+(?:\{(?:[a-z]+="[^"]*",?)+\})?) (-?[0-9.]+)$/.exec(line) ?? assert.fail(line);
    assert.ok(!values.has(name), `${name} stands twice`);
    values.set(name, Number(value));
  }
  return values;
}

const requests = (route, lane, status) => `tidemill_requests_total{route="${route}",lane="${lane}",status="${status}"}`;

test('requests are counted by route, lane and status, and their times with them', async () => {
  const before_ = await metrics();
  const rise = (now, name) => (now.get(name) ?? 0) - (before_.get(name) ?? 0);

  await admin.get('/api/v1/lead?limit=1');
  await admin.get('/api/v1/lead?limit=2');
  await admin.get('/api/v1/lead/0000000000000');
  await admin.post('/api/v1/lead', { name: 'x' });
  await admin.post('/api/v1/lead', {});
  const now = await metrics();

  assert.equal(rise(now, requests('GET /api/v1/lead', 'worker', '2xx')), 2);
  assert.equal(rise(now, requests('GET /api/v1/lead/{id}', 'worker', '4xx')), 1);
  assert.equal(rise(now, requests('POST /api/v1/lead', 'home', '2xx')), 1);
  assert.equal(rise(now, requests('POST /api/v1/lead', 'home', '4xx')), 1);
  assert.equal(rise(now, 'tidemill_request_seconds_bucket{route="GET /api/v1/lead",lane="worker",le="+Inf"}'), 2);
  assert.equal(rise(now, 'tidemill_commit_units_sum'), 1);
  assert.ok(now.get('tidemill_lua_bytes') > 1e6);
  assert.equal(now.get('tidemill_home_waiting'), 0);
});

test('the generation that serves is told by its hash, and what was refused is counted', async () => {
  const hash = async () => [...(await metrics()).keys()].find((name) => name.startsWith('tidemill_generation_info'));
  const first = await hash();
  const line_after = async (save) => {
    const seen = server.logs.length;
    await save();
    for (let i = 0; i < 400 && !/ generation .*\n/.test(server.logs.slice(seen)); i += 1) await new Promise((later) => setTimeout(later, 25));
  };

  await line_after(() => root.edit('plugins/lead/rules.lua', 'mill.rule "lead.offer"', '{{{ mill.rule "lead.offer"'));
  assert.equal(await hash(), first);
  assert.equal((await metrics()).get('tidemill_generations_refused_total'), 1);
  await line_after(() => root.edit('plugins/lead/rules.lua', '{{{ mill.rule "lead.offer"', '-- saved\nmill.rule "lead.offer"'));
  assert.notEqual(await hash(), first);
});

test('from elsewhere only an administrator is told', async () => {
  const from_elsewhere = { 'x-forwarded-for': '192.0.2.7' };
  const ask = (client) => client.request('GET', '/metrics', undefined, from_elsewhere);

  assert_problem(await ask(server.nobody), 401);
  assert_problem(await ask(await server.log_in('hq')), 403);
  assert_problem(await ask(await server.log_in('partner')), 403);
  assert.equal((await ask(admin)).status, 200);
});
