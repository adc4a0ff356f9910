// tests/browser/first_administrator.test.mjs: an installation without a client pack: its first administrator comes in by the link
// that the start prints, and chooses a password.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch } from '../support/browser.mjs';
import { assert_problem } from '../support/problem.mjs';
import { make_root } from '../support/root.mjs';
import { start } from '../support/server.mjs';

let root;
let browser;
let data;

before(async () => {
  root = await make_root({ clients: [] });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await root?.remove();
});

const serve = () => start({ config: root.config, cwd: root.path, data });
const link_of = (server) => /http:\S+#\/sign-in\/\S+/.exec(server.logs)?.[0];
const secret_of = (link) => link.split('#/sign-in/')[1];
const take = (server, link) => server.nobody.post('/api/v1/session', { link: secret_of(link) });

test('the link signs in once, the password then always, and the next start prints none', async () => {
  data = await mkdtemp(join(tmpdir(), 'tidemill-first-'));
  let server = await serve();
  const page = await browser.newPage({ locale: 'en-GB' });
  const link = link_of(server);

  await page.goto(link);
  await page.getByRole('heading', { name: 'Your password' }).waitFor();
  assert.ok(!page.url().includes('sign-in'), 'the secret stays in the history');
  await page.getByLabel('New password').fill('short');
  await page.getByRole('button', { name: 'Save the password' }).click();
  await page.getByText('8').first().waitFor();
  await page.getByLabel('New password').fill('a long password');
  await page.getByRole('button', { name: 'Save the password' }).click();
  await page.getByRole('heading', { name: 'Leads', level: 1 }).waitFor();

  assert_problem(await take(server, link), 401);
  const admin = await server.log_in('admin', 'a long password');
  assert.deepEqual((await admin.get('/api/v1/session')).body.data.roles, ['administrator']);
  assert.equal((await admin.post('/api/v1/unit', { code: 'hq', name: '总部' })).status, 201);
  await server.stop();

  server = await serve();
  assert.equal(link_of(server), undefined);
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

test('as long as nobody has a password each start prints a new link, and the one before is dead', async () => {
  data = await mkdtemp(join(tmpdir(), 'tidemill-first-'));
  const first = await serve();
  const old = link_of(first);
  await first.stop();
  const second = await serve();

  assert_problem(await take(second, old), 401);
  assert_problem(await take(second, 'http://x/#/sign-in/nonsense'), 401);
  assert_problem(await second.nobody.post('/api/v1/session', { link: 7 }), 422);
  assert_problem(await second.nobody.post('/api/v1/session', { link: 'x', login: 'admin' }), 422);
  assert.equal((await take(second, link_of(second))).status, 201);
  await second.stop();
  await rm(data, { recursive: true, force: true });
});

test('the demo, whose people have passwords, prints no link', async () => {
  const demo = await make_root({ rows: 1 });
  const server = await start({ config: demo.config, cwd: demo.path });

  assert.equal(link_of(server), undefined);
  await server.stop();
  await demo.remove();
});
