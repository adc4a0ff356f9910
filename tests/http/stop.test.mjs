// tests/http/stop.test.mjs: starting and stopping.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { root, start, tidemill } from '../support/server.mjs';

test('SIGTERM finishes what is in flight, ends with status 0, and a restart has all that was answered', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-stop-'));
  const server = await start({ data: folder });
  const admin = await server.log_in('admin');
  const sent = Array.from({ length: 40 }, (_, i) => admin.post('/api/v1/lead', { name: `last-${i}` }).catch(() => null));
  await new Promise((later) => setTimeout(later, 10));

  const end = await server.stop();
  const answered = (await Promise.all(sent)).filter((answer) => answer?.status === 201).length;
  const again = await start({ data: folder });
  const there = await (await again.log_in('admin')).all('/api/v1/lead?name.has=last-');
  await again.stop();

  assert.equal(end.code, 0);
  assert.ok(there.length >= answered);
  assert.equal((await fetch(`${again.url}/readyz`).catch(() => null)), null);
  await rm(folder, { recursive: true, force: true });
});

test('a server with demo logins refuses to listen beyond the loopback', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-open-'));

  const { status, stderr } = spawnSync(tidemill, ['serve', '--data', folder, '--listen', '0.0.0.0:8765'], { cwd: root, encoding: 'utf8', timeout: 20_000 });

  assert.equal(status, 1);
  assert.match(stderr, /demo_logins_beyond_loopback/);
  await rm(folder, { recursive: true, force: true });
});

test('a data folder that is in use, and a port that is in use, are named', async () => {
  const server = await start();
  const listen = ['serve', '--listen', new URL(server.url).host];
  const other = await mkdtemp(join(tmpdir(), 'tidemill-other-'));

  const folder = spawnSync(tidemill, ['serve', '--data', server.data, '--listen', '127.0.0.1:0'], { cwd: root, encoding: 'utf8', timeout: 20_000 });
  const port = spawnSync(tidemill, [...listen, '--data', other], { cwd: root, encoding: 'utf8', timeout: 20_000 });
  await server.stop();
  await rm(other, { recursive: true, force: true });

  assert.equal(folder.status, 1);
  assert.match(folder.stderr, /in use by another tidemill/);
  assert.equal(port.status, 1);
  assert.match(port.stderr, /Address already in use/);
});
