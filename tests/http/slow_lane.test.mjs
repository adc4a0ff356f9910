// tests/http/slow_lane.test.mjs: reads that take long make way for others, and lose nothing by it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { start } from '../support/server.mjs';

// Some ten times longer than a read may hold a worker: it makes 8,800 groups.
const report = '/api/v1/opportunity/summary?by=number&count&sum=amount';
const route = 'GET /api/v1/opportunity/summary';

// A store that answers late runs its statements outside of what is timed.
const skip = process.env.VARIANT === 'deferred';

let server, admin;
before(async () => {
  server = await start();
  admin = await server.log_in('admin');
});
after(() => server?.stop());

async function metric(name) {
  const { text } = await server.nobody.get('/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line ? Number(line.slice(name.length + 1)) : 0;
}
const answered = (lane) => metric(`tidemill_requests_total{route="${route}",lane="${lane}",status="2xx"}`);

// A request is counted when its answer has been written, which the client may see before.
async function all_answered(count) {
  while (await answered('slow') + await answered('worker') < count) { /* until then */ }
}

test('a report begins again on the slow lane, and its answer is whole', { skip }, async () => {
  const { status, body } = await admin.get(report);

  assert.equal(status, 200);
  assert.equal(body.data.length, 8800);
  await all_answered(1);
  assert.equal(await answered('slow'), 1);
  assert.equal(await answered('worker'), 0);
  assert.equal(await metric('tidemill_reads_interrupted_total'), 1);
});

test('pages are answered while reports wait for each other', { skip }, async () => {
  let reports_over = 0;
  const reports = Array.from({ length: 12 }, async () => {
    const { status } = await admin.get(report);
    reports_over += 1;
    return status;
  });
  for (let i = 0; i < 5; i++) assert.equal((await admin.get('/api/v1/lead?limit=5')).status, 200);
  const over_before_pages = reports_over;

  assert.deepEqual(new Set(await Promise.all(reports)), new Set([200]));
  assert.ok(over_before_pages < 12, 'the pages waited for the reports');
});

test('a route that is known to be slow begins there, and the others do not', { skip }, async () => {
  await all_answered(13);
  const interrupted = await metric('tidemill_reads_interrupted_total');
  const before_ = await answered('slow');

  for (let i = 0; i < 5; i++) await admin.get(report);
  await admin.get('/api/v1/lead?limit=5');
  await all_answered(18);

  assert.equal(await metric('tidemill_reads_interrupted_total'), interrupted);
  assert.equal(await answered('slow'), before_ + 5);
  assert.equal(await metric('tidemill_requests_total{route="GET /api/v1/lead",lane="slow",status="2xx"}'), 0);
});

test('who may not see something does not see it there either', { skip }, async () => {
  const partner = await server.log_in('partner');

  assert.deepEqual((await partner.get(report)).body.data, []);
  assert.equal((await server.nobody.get(report)).status, 401);
  assert.equal((await admin.get(`${report}&nothing=1`)).status, 400);
});

test('a stop lets reports that have begun come to their end', { skip }, async () => {
  const reports = Array.from({ length: 6 }, () => admin.get(report));
  while (await metric('tidemill_slow_waiting') === 0) { /* until they are there */ }
  await server.stop();

  assert.deepEqual(new Set((await Promise.all(reports)).map(({ status }) => status)), new Set([200]));
});
