// tests/faults/stop.test.mjs: a stop while the disk keeps the home waiting.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { later, seeded, start_faulty } from '../support/faults.mjs';
import { make_root } from '../support/root.mjs';
import { start } from '../support/server.mjs';

let root, data;

before(async () => {
  root = await make_root({ rows: 5 });
  data = await seeded(root.config);
});
after(async () => {
  await rm(data, { recursive: true, force: true });
  await root.remove();
});

test('a stop whose grace runs out cuts the clients off, and the home still finishes what it has', async () => {
  const server = await start_faulty(data, { config: root.config });
  const admin = await server.log_in('admin');
  await server.tell('hold');
  const post = (name) => admin.post('/api/v1/contact', { name }).then((answer) => answer.status, () => 'lost');
  const sent = [post('on its way')];
  while (Number(await server.tell('held')) === 0) await later(5);
  sent.push(post('behind it'));
  await later(200);

  server.child.kill('SIGTERM');
  const answers = await Promise.all(sent);
  await later(200);
  await server.tell('release');

  assert.deepEqual(answers, ['lost', 'lost']);
  assert.deepEqual(await server.ended, { code: 0, signal: null }, server.logs);
  assert.doesNotMatch(server.logs, /found its thread gone/);
  const again = await start({ config: root.config, cwd: root.path, data });
  const names = (await (await again.log_in('admin')).all('/api/v1/contact')).map((contact) => contact.name);
  await again.stop();
  assert.ok(names.includes('on its way') && names.includes('behind it'), `${names}`);
});
