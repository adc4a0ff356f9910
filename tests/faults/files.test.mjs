// tests/faults/files.test.mjs: the process has no more files when a company's workers want to open its store.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { later, new_folder, start_faulty } from '../support/faults.mjs';
import { connect } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';

const run = promisify(execFile);
const tenants = '{ one = { hosts = { "one.example" }, clients = {} }, two = { hosts = { "two.example" }, clients = {} } }, tenant = "one"';

let root;
before(async () => {
  root = await make_root({ rows: 5 });
  await root.edit('config/tidemill.lua', 'tenant = "demo",', `tenants = ${tenants},`);
});
after(() => root.remove());

test('workers that found no file for a store serve it when there are some again', async () => {
  const server = await start_faulty(await new_folder(), { config: root.config });
  const wires = await Promise.all(Array.from({ length: 16 }, () => connect(server.url)));
  const limit_to = (most) => run('prlimit', ['--pid', server.child.pid, `--nofile=${most}:`]);
  const ask_all = async () => new Set(await Promise.all(wires.map(async (wire) =>
    (await wire.send('GET /api/v1/lead HTTP/1.1\r\nHost: two.example\r\n\r\n').answer())?.status)));
  try {
    await server.tell('step switch hold');
    const first = ask_all();
    while (await server.tell('at') !== 'switch') await later(5);
    await limit_to((await readdir(`/proc/${server.child.pid}/fd`)).length + 1); // for who tells it to go on
    await server.tell('step switch go');

    assert.ok((await first).has(503), [...await first].join());
    await limit_to(4096);
    assert.deepEqual(await ask_all(), new Set([401]));
  } finally {
    for (const wire of wires) wire.drop();
    await server.stop();
  }
});
