// tests/http/settings.test.mjs: settings that plugins declare and client packs change.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';

import { make_root } from '../support/root.mjs';
import { start, tidemill } from '../support/server.mjs';

const PACK = 'config/clients/demo/pack.lua';
const LEAD = 'plugins/lead/plugin.lua';
let demo;

before(async () => { demo = await make_root({ rows: 1 }); });
after(() => demo?.remove());

const check = () => new Promise((done) => {
  execFile(tidemill, ['check', '--config', demo.config], { cwd: demo.path }, (error, stdout, stderr) => {
    done({ status: error?.code ?? 0, said: stdout + stderr });
  });
});

// What `check` says of a file that was edited for the moment.
async function check_with(file, from, to) {
  const before_edit = await demo.edit(file, from, to);
  const { status, said } = await check();
  await demo.write(file, before_edit);
  return `${status} ${said}`;
}

const in_pack = (settings) => check_with(PACK, 'base_currency = "USD"', settings);

test('a value of a setting that there is not is refused, with file and suggestion', async () => {
  assert.match(await in_pack('base_curency = "USD"'),
    /^1 .*demo\/pack\.lua:\d+: there is no setting base_curency; there are base_currency, customer_reads_a_day, lead_accept_within; did you mean base_currency\?/s);
  assert.match(await in_pack('lead_accept_whitin = "48h"'), /did you mean lead_accept_within\?/);
});

test('a value of the wrong type is refused, with file and what is right', async () => {
  assert.match(await in_pack('lead_accept_within = 48'),
    /^1 .*demo\/pack\.lua:\d+: the setting lead_accept_within: a value of type duration is needed, such as "30m", "4h" or "3d", not 48/s);
  assert.match(await in_pack('lead_accept_within = "2 days"'), /^1 .*type duration is needed/s);
  assert.match(await in_pack('base_currency = "dollar"'), /^1 .*type currency is needed, such as "CNY", not "dollar"/s);
});

test('a declaration that is wrong is refused, with its file', async () => {
  for (const [from, to, says] of [
    ['type = "duration"', 'type = "durration"', /there is no type durration; there are .*; did you mean duration\?/],
    ['default = "24h"', 'default = 24', /lead_accept_within: default: a value of type duration is needed/],
    ['default = "24h"', 'defualt = "24h"', /a setting has no property defualt/],
    [/zh = "接受[^"]*"/, '', /needs label in both languages/],
    ['lead_accept_within', 'base_currency', /base_currency is declared twice/],
  ]) {
    const said = await check_with(LEAD, from, to);
    assert.match(said, /^1 .*plugins\/lead\/plugin\.lua:\d+: /s);
    assert.match(said, says);
  }
});

test('a pack declares settings of its own as plugins do', async () => {
  const label = 'label = { en = "Size", zh = "规模" }';

  assert.match(await in_pack(`base_currency = "USD", size = { type = "integer", default = 5, ${label} }`), /^0 good/);
  assert.match(await in_pack(`base_currency = "USD", size = { type = "integer", default = "5", ${label} }`),
    /^1 .*demo\/pack\.lua:\d+: the setting size: default: a value of type integer is needed, such as 30, not "5"/s);
  assert.match(await in_pack('base_currency = "USD", size = 5'), /there is no setting size/);
});

test('what a pack sets is what rules go by', async () => {
  await demo.edit(PACK, 'base_currency = "USD"', 'base_currency = "USD", lead_accept_within = "48h"');
  const server = await start({ config: demo.config, cwd: demo.path });
  const anna = await server.log_in('anna.snelling');

  const { positions } = (await anna.get('/api/v1/session')).body.data;
  const { accept_by, created_at } = (await anna.post('/api/v1/lead', { name: 'Kept', owner: positions[0] })).body.data;

  assert.equal(Date.parse(accept_by) - Date.parse(created_at), 48 * 3600 * 1000);
  await server.stop();
});

test('a read that must give way does so before its time is over', async () => {
  const said = await check_with('config/tidemill.lua', 'log_requests = true,', 'log_requests = true, budgets = { quick_ms = 1001 },');

  assert.match(said, /^1 .*the budget quick_ms \(1001\) is more than read_ms \(1000\)/s);
});
