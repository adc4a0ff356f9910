// tests/http/wal.test.mjs: the write-ahead log stays short, and nobody who has been answered holds it.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';

import { database } from '../support/change_log.mjs';
import { make_root } from '../support/root.mjs';
import { slow, start } from '../support/server.mjs';

const later = (ms) => new Promise((done) => setTimeout(done, ms));
const length = async (server) => (await stat(`${database(server.data)}-wal`)).size;

// Empty some seconds after the last write. Emptying it needs that no connection reads, so a task that left its snapshot open
// would show here.
async function becomes_empty(server) {
  const until = Date.now() + 15_000 * slow;
  while (await length(server) > 0 && Date.now() < until) await later(100);
  return await length(server) === 0;
}

test('after reads that went well, that failed and that found nothing, the log is emptied', async () => {
  const root = await make_root();
  const server = await start({ config: root.config, cwd: root.path });
  try {
    const admin = await server.log_in('admin');
    const lead = (await admin.post('/api/v1/lead', { name: 'A lead', region: 'east', score: 85 })).body.data;
    const paths = ['lead', `lead/${lead.id}`, `lead/${lead.id}/history`, 'lead/nothing', 'lead?sort=nothing', 'lead?limit=1&expand=unit',
      'opportunity/summary?by=stage&count', 'lead?cursor=nonsense', 'meta', 'session', 'nothing'];
    for (let i = 0; i < 5; i++) {
      await Promise.all(paths.map((path) => admin.get(`/api/v1/${path}`)));
      await Promise.all([admin.post('/api/v1/lead', { name: '' }), admin.patch(`/api/v1/lead/${lead.id}`, { name: `Lead ${i}` })]);
    }

    assert.ok(await becomes_empty(server), `the log still has ${await length(server)} bytes`);
    assert.equal((await admin.get(`/api/v1/lead/${lead.id}`)).body.data.name, 'Lead 4');
  } finally {
    await server.stop();
    await root.remove();
  }
});

test('while much is written the log is moved over and starts again', async () => {
  const server = await start(); // the whole pipeline: some 50 MiB of log
  try {
    const grown = await length(server);
    const admin = await server.log_in('admin');
    const text = 'x'.repeat(2000);
    for (let i = 0; i < 20; i++) {
      await Promise.all(Array.from({ length: 50 }, (_, j) => admin.post('/api/v1/lead', { name: `${i}-${j} ${text.slice(0, 180)}` })));
    }

    assert.ok(Math.max(grown, await length(server)) < 32 << 20, `the log has grown to ${grown} and ${await length(server)} bytes`);
    assert.doesNotMatch(server.logs, / wal /);
    assert.ok(await becomes_empty(server));
  } finally {
    await server.stop();
  }
});
