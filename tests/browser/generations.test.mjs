// tests/browser/generations.test.mjs: an administrator builds from the files and returns to what was before, on a page.
//
// With CONSOLE_SCREENSHOTS=FOLDER pictures of the page are left there.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch } from '../support/browser.mjs';
import { make_root } from '../support/root.mjs';
import { demo_password, start } from '../support/server.mjs';

const pictures = process.env.CONSOLE_SCREENSHOTS;
let root, server, browser, page;

before(async () => {
  root = await make_root({ rows: 5 });
  server = await start({ config: root.config, cwd: root.path });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await root?.remove();
});

async function picture(name) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

async function log_in(login) {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
  await page.goto(server.url);
  await page.getByLabel('Login', { exact: true }).fill(login);
  await page.getByLabel('Password').fill(demo_password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Leads', level: 1 }).waitFor();
}

const badges = () => page.locator('tbody .badge').allTextContents();

test('building takes over what was saved, a refusal says where, and one click returns', async () => {
  await log_in('admin');
  await page.getByRole('navigation').getByRole('link', { name: 'Generations' }).click();
  await page.getByText('serves now').waitFor();
  const at_first = await badges();

  await root.write('plugins/lead/decisions/more.txt', 'another file');
  await page.getByRole('button', { name: 'Build from the files' }).click();
  await page.getByText('Every thread serves with it now.').waitFor();
  const after_build = await badges();
  await root.edit('plugins/lead/rules.lua', /^/, 'mill.rulle "x" {}\n');
  await page.getByRole('button', { name: 'Build from the files' }).click();
  await page.getByRole('alert').getByText('plugins/lead/rules.lua:1: there is no mill.rulle; did you mean mill.rule?').waitFor();
  await page.locator('tbody .is-refused').waitFor();
  await picture('generations');
  await page.getByRole('button', { name: /Return to this one/ }).click();
  await page.getByText('Every thread serves with it now.').waitFor();
  const now = await page.getByRole('row').filter({ hasText: 'serves now' }).count();

  assert.deepEqual(at_first, ['took over']);
  assert.deepEqual(after_build, ['took over', 'took over']);
  assert.deepEqual(await badges(), ['took over', 'refused', 'took over', 'took over']);
  assert.equal(now, 1);
  assert.equal((await (await server.log_in('admin')).get('/api/v1/generation')).body.data[0].action, 'return');
});

test('the page speaks Chinese, and fits a narrow screen', async () => {
  await page.getByRole('button', { name: '中文' }).click();
  await page.getByRole('heading', { name: '代次', level: 1 }).waitFor();
  await page.getByText('当前生效').waitFor();
  await picture('generations-zh');
  await page.setViewportSize({ width: 390, height: 844 });

  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await picture('generations-narrow');
  assert.equal(wide, 0);
});

test('nobody else has the page', async () => {
  await log_in('hq');

  assert.equal(await page.getByRole('link', { name: 'Generations' }).count(), 0);
  await page.goto(`${server.url}/#/generations`);
  await page.getByRole('heading', { name: 'Leads', level: 1 }).waitFor();
});
