// tests/faults/hostile.test.mjs: what plugins may do to others, as long as they try: nothing.
//
// Each file of tests/faults/hostile is the body of an action, `function(record, body)`. Its head says what it tries and
// what must be the answer:
//
//   -- answer: too long                       500, the plugin took too long
//   -- answer: too much memory                500, the plugin needed too much memory
//   -- answer: too long or too much memory    either
//   -- answer: too long or error: WORDS       either
//   -- answer: error: WORDS                   500, an error of the code; WORDS stand in the log
//   -- answer: value: JSON                    200, with that as `data`
//
// within SECONDS of all. Meanwhile a neighbour reads and writes, and each of its requests must be answered well.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFile } from 'node:fs/promises';

import { make_hostile_root } from '../support/hostile.mjs';
import { slow, start } from '../support/server.mjs';

const within_ms = 4000 * slow;
// A sanitizer's server takes a sample.
const each = process.env.VARIANT ? 4 : 1;

const { root: place, snippets } = await make_hostile_root();
let server, admin, victim, at_start;
before(async () => {
  server = await start({ config: place.config, cwd: place.path });
  admin = await server.log_in('admin');
  at_start = await resident_mib();
  victim = (await admin.post('/api/v1/victim', { name: 'as it was' })).body.data.id;
});
after(async () => {
  await server?.stop();
  await place.remove();
});

const resident_mib = async () => Number(
  (await readFile(`/proc/${server.child.pid}/status`, 'utf8')).match(/VmRSS:\s+(\d+)/)[1]) / 1024;

// Reads and writes until it is told to stop; counts the statuses.
function neighbour() {
  const statuses = new Map();
  let over = false;
  const work = (async () => {
    while (!over) {
      const write = await admin.post('/api/v1/lead', { name: 'neighbour', region: 'east', score: 85 });
      const read = await admin.get('/api/v1/lead?limit=5');
      for (const { status } of [write, read]) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  })();
  return async () => {
    over = true;
    await work;
    return statuses;
  };
}

const long = 'The plugin hostile took too long';
const large = 'The plugin hostile needed too much memory';
const both = 'too long or too much memory';

function check(answer, { status, body, text }, logs) {
  if (answer.startsWith('too long or error: ')) {
    return check(body.title === long ? 'too long' : answer.slice('too long or '.length), { status, body, text }, logs);
  }
  if (answer.startsWith('value: ')) {
    assert.equal(status, 200, text);
    assert.deepEqual(body.data, JSON.parse(answer.slice('value: '.length)));
    return;
  }
  assert.equal(status, 500, text);
  const is_late = process.env.VARIANT && body.title.endsWith('took too long'); // a sanitizer's errors take their time
  if (answer.startsWith('error: ') && !is_late) {
    assert.equal(body.title, 'Something went wrong in the server');
    assert.ok(logs.includes(answer.slice('error: '.length)), `the log does not say it: ${logs.slice(0, 2000)}`);
    return;
  }
  if (answer.startsWith('error: ')) return;
  const titles = { 'too long': [long], 'too much memory': process.env.VARIANT ? [long, large] : [large], [both]: [long, large] }[answer];
  assert.ok(titles.includes(body.title), text);
  assert.match(logs, /hostile takes too long|hostile needs too much memory/);
  assert.match(logs, /\.lua:\d+/);
}

for (const [i, snippet] of snippets.entries()) {
  test(`${snippet.name} harms nobody else`, { skip: i % each !== 0 }, async () => {
    const stop = neighbour();
    const seen = server.logs.length;
    const began = Date.now();

    const answer = await admin.post(`/api/v1/victim/${victim}/${snippet.name}`);
    const took = Date.now() - began;
    const statuses = await stop();

    check(snippet.answer, answer, server.logs.slice(seen));
    assert.ok(took < within_ms, `it took ${took} ms`);
    assert.deepEqual([...statuses.keys()].sort(), [200, 201]);
    assert.equal((await admin.get(`/api/v1/victim/${victim}`)).body.data.name, 'as it was');
  });
}

test('what the hostile ones took is given back', async () => {
  const used = await resident_mib();

  assert.ok(used < at_start + 150 * slow ** 2, `${at_start} MiB at the start, ${used} MiB now`);
});

test('a broken budget is told in Chinese too', async () => {
  const { status, body } = await admin.request('POST', `/api/v1/victim/${victim}/loop`, {}, { 'accept-language': 'zh-CN' });

  assert.equal(status, 500);
  assert.equal(body.title, '插件 hostile 运行时间过长');
});

test('a route that breaks three states in a minute is shut for a minute; others are not', async () => {
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push(await admin.post(`/api/v1/victim/${victim}/loop_goto`));
  const shut = statuses.at(-1);

  assert.equal(statuses[0].status, 500);
  assert.equal(shut.status, 503);
  assert.ok(Number(shut.headers.get('retry-after')) > 30, shut.headers.get('retry-after'));
  assert.equal((await admin.post(`/api/v1/victim/${victim}/rep_nothing`)).status, 200);
});

test('what was broken, and which route is shut, is told in the metrics', async () => {
  const { text } = await server.nobody.get('/metrics');
  const count = (of) => Number(text.match(new RegExp(`^tidemill_budget_breaks_total\\{plugin="hostile",of="${of}"\\} (\\d+)$`, 'm'))?.[1]);

  assert.ok(count('time') > 3);
  if (!process.env.VARIANT) assert.ok(count('memory') > 0);
  assert.match(text, /^tidemill_route_shut\{route="POST \/api\/v1\/victim\/\{id\}\/loop_goto"\} 1$/m);
  assert.doesNotMatch(text, /^tidemill_route_shut.*rep_nothing/m);
});
