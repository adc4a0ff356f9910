// tests/browser/console.test.mjs: the first page in Chromium, as the demo's people use it.
//
// With CONSOLE_SCREENSHOTS=FOLDER pictures of the views are left there.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { launch } from '../support/browser.mjs';
import { demo_password, start } from '../support/server.mjs';

const pictures = process.env.CONSOLE_SCREENSHOTS;

let server;
let browser;
let context;
let page;
let complaints;
let refusals; // what the server refused, as the browser wrote it down: "422 /api/v1/lead"

before(async () => {
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
  complaints = [];
  refusals = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const [, status] = /status of (4\d\d)/.exec(message.text()) ?? [];
    if (status) refusals.push(`${status} ${new URL(message.location().url).pathname}`);
    else complaints.push(message.text());
  });
  await page.goto(server.url);
  await page.getByLabel('Password').waitFor();
  await refused('401 /api/v1/session'); // the first question, "who am I", when nobody is signed in
});
// A page that breaks its Content-Security-Policy says so as an error on the console.
afterEach(async () => {
  await context.close();
  assert.deepEqual([...complaints, ...refusals], []);
});

// What the server was to refuse so far, and did; whatever else it refuses fails the test.
async function refused(...wanted) {
  // The browser may write it down a little after the page has shown it.
  for (let i = 0; i < 100 && refusals.length < wanted.length; i++) await new Promise((later) => setTimeout(later, 20));
  assert.deepEqual(refusals, wanted);
  refusals = [];
}

async function log_in(login) {
  await page.getByLabel('Login', { exact: true }).fill(login);
  await page.getByLabel('Password').fill(demo_password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Leads', level: 1 }).waitFor();
}

async function picture(name) {
  if (!pictures) return;
  await page.evaluate(() => window.scrollTo(0, 0));
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

async function enter_lead(fields) {
  await page.getByRole('link', { name: 'New lead' }).click();
  await page.getByRole('heading', { name: 'New lead' }).waitFor();
  for (const [label, value] of Object.entries(fields)) {
    const field = page.getByLabel(label, { exact: false });
    if (label === 'Product') await field.selectOption({ label: value });
    else await field.fill(value);
  }
  await page.getByRole('button', { name: 'Enter the lead' }).click();
}

const tile = (stage, unit) => page.locator('section.lane', { has: page.getByRole('heading', { name: stage }) })
  .locator('li', { hasText: unit });

test('the page is served under a strict policy', async () => {
  const answer = await fetch(server.url);
  const policy = answer.headers.get('content-security-policy');
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
});

test('a wrong password says so, and nothing else is shown', async () => {
  await page.getByLabel('Login', { exact: true }).fill('anna.snelling');
  await page.getByLabel('Password').fill('wrong-password');
  await page.getByRole('button', { name: 'Log in' }).click();

  await page.getByRole('alert').getByText('Login or password is wrong').waitFor();
  await refused('401 /api/v1/session');
  assert.equal(await page.getByRole('navigation').count(), 0);
});

test('an administrator enters a lead and sees to whom it went and why', async () => {
  await log_in('admin');

  await enter_lead({ Name: 'Grace Hall', Company: 'Hall & Sons', Region: 'east', Score: '85', Product: 'GTX Pro' });

  await page.getByRole('heading', { name: 'Grace Hall' }).waitFor();
  const where = page.locator('.whereabouts');
  await where.getByText('Offered').waitFor();
  await where.getByText('(sales agent)').waitFor();
  await where.getByText('East, ').waitFor();
  const row = page.getByRole('row', { name: /Score/ });
  assert.match(await row.innerText(), /85\s+80 or more/);
  assert.match(await page.getByRole('row', { name: /Region/ }).innerText(), /east\s+east/);
  assert.match(await page.getByRole('row', { name: /Delivery mode/ }).innerText(), /general service\s+anything/);
  await page.getByText('row 5 matched').waitFor();
  await page.getByText('unit:east').waitFor();
  await picture('lead');
});

test('a row of a decision is read as it decides, in both languages', async () => {
  const cells = {
    '-': ['anything', '任意'],
    '>= 80': ['80 or more', '不低于 80'],
    '< -1.5': ['less than -1.5', '低于 -1.5'],
    '[50..80]': ['50 to 80', '50 到 80'],
    '[50..80)': ['50 to under 80', '50 到 80（不含）'],
    '(50..80]': ['over 50 to 80', '50（不含）到 80'],
    '(50..80)': ['over 50 to under 80', '50（不含）到 80（不含）'],
    '[-5..-1]': ['-5 to -1', '-5 到 -1'],
    '[1..5], [7..9]': ['1 to 5 or 7 to 9', '1 到 5 或 7 到 9'],
    '< 10, (20..30], 99': ['less than 10 or over 20 to 30 or 99', '低于 10 或 20（不含）到 30 或 99'],
    '"east","north"': ['east or north', 'east 或 north'],
    '"a,b"': ['a,b', 'a,b'],
    '"[1..5]"': ['[1..5]', '[1..5]'],
    'not("a,b", "c")': ['anything but a,b or c', '除 a,b 或 c 以外'],
    'not( [1..5) )': ['anything but 1 to under 5', '除 1 到 5（不含） 以外'],
    null: ['empty', '空'],
    true: ['true', 'true'],
    '>> 80': ['>> 80', '>> 80'],
    '[1..5': ['[1..5', '[1..5'],
  };

  const said = await page.evaluate(async (tests) => {
    const { speak, test_in_words } = await import('/console-texts.js');
    return Object.fromEntries(tests.map((test) => [test, ['en', 'zh'].map((language) => {
      speak(language);
      return test_in_words(test);
    })]));
  }, Object.keys(cells));

  assert.deepEqual(said, cells);
});

test('a lead without anything lies in the pool', async () => {
  await log_in('admin');

  await enter_lead({ Name: 'Nobody Knows' });

  await page.getByText('It lies in the pool').waitFor();
  await page.getByRole('link', { name: 'All leads' }).click();
  await page.getByRole('row', { name: /Nobody Knows/ }).getByText('In the pool').waitFor();
});

test('faults stand beside their fields', async () => {
  await log_in('admin');

  await enter_lead({ Score: '250', 'E-mail': 'not an address' });

  await page.getByText('Some values are not right').waitFor();
  await refused('422 /api/v1/lead');
  assert.equal(await page.locator('#fault-score').innerText(), 'at most 100');
  assert.match(await page.locator('#fault-email').innerText(), /e-mail address/);
  assert.match(await page.locator('#fault-name').innerText(), /value is needed/);
  assert.equal(await page.getByLabel('Score').getAttribute('aria-invalid'), 'true');
});

test('an agent keeps a lead, accepts it, and sees the own pipeline', async () => {
  await log_in('anna.snelling');
  await page.getByText('No leads yet').waitFor();

  await page.getByRole('link', { name: 'New lead' }).click();
  await page.getByLabel('Name', { exact: true }).fill('From the fair');
  await page.getByLabel('Offer it to me').check();
  await page.getByRole('button', { name: 'Enter the lead' }).click();
  await page.getByText('No decision was needed').waitFor();
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.locator('.whereabouts').getByText('Accepted').waitFor();

  await page.getByRole('link', { name: 'Pipeline' }).click();
  await page.getByText('by stage and unit').waitFor();
  assert.match(await tile('Won', 'Central').innerText(), /208/);
});

test('what an agent enters for nobody goes where the routing says', async () => {
  await log_in('anna.snelling');

  await enter_lead({ Name: 'Far away', Region: 'west', Score: '90' });

  await page.getByText('outside of what you may see').waitFor();
  assert.equal(await page.getByRole('row', { name: /Far away/ }).count(), 0);
});

test('a lead that nothing has routed is not said to have been given to somebody by name', async () => {
  const admin = await server.log_in('admin');
  const { body: { data: lead } } = await admin.post('/api/v1/lead', { name: 'Left alone', stage: 'dropped' });
  await log_in('hq');

  await page.goto(`${server.url}/#/leads/${lead.id}`);

  await page.getByText('Not routed yet').waitFor();
  assert.equal(await page.getByText('No decision was needed').count(), 0);
});

test('headquarters sees the pipeline by stage and region', async () => {
  await log_in('hq');
  await page.getByRole('link', { name: 'Pipeline' }).click();

  await page.getByText('by stage and region').waitFor();
  assert.match(await tile('Won', 'West').innerText(), /1,438\s+\$3,568,647/);
  assert.match(await tile('Prospecting', 'Central').innerText(), /500/);
  assert.equal(await page.locator('section.lane').count(), 4);
  await picture('pipeline');
});

test('customers come page by page', async () => {
  await log_in('dustin.brinkmann');
  await page.getByRole('link', { name: 'Customers' }).click();

  const rows = page.locator('tbody tr');
  await page.getByRole('row', { name: /Acme Corporation/ }).getByText('technology').waitFor();
  assert.equal(await rows.count(), 25);
  for (let shown = 25; shown < 85; shown += 25) {
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.waitForFunction((least) => document.querySelectorAll('tbody tr').length > least, shown);
  }
  assert.equal(await rows.count(), 85);
  assert.match(await page.getByRole('row', { name: /Acme Corporation/ }).innerText(), /\$1,100,040,000/);
  await picture('customers');
});

test('a partner sees the own part and no customers', async () => {
  await log_in('partner');

  assert.equal(await page.getByRole('link', { name: 'Customers' }).count(), 0);
  assert.equal(await page.getByRole('link', { name: 'New lead' }).count(), 0);
  await page.getByRole('link', { name: 'Pipeline' }).click();
  await page.getByText('No opportunities yet').waitFor();
});

test('the page speaks Chinese, and remembers it', async () => {
  await log_in('hq');

  await page.getByRole('button', { name: '中文' }).click();
  await page.getByRole('heading', { name: '线索' }).waitFor();
  await page.getByRole('link', { name: '销售管道' }).click();
  await page.getByText('按阶段与区域').waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
  await picture('pipeline-zh');

  await page.reload();
  await page.getByText('按阶段与区域').waitFor();
  await page.getByRole('button', { name: '退出' }).click();
  await page.getByLabel('登录名').fill('hq');
  await page.getByLabel('密码').fill('wrong-password');
  await page.getByRole('button', { name: '登录' }).click();
  await page.getByRole('alert').getByText('登录名或密码错误').waitFor();
  await refused('401 /api/v1/session');
});

test('a session that has ended leads back to the log-in', async () => {
  await log_in('hq');
  await page.waitForLoadState('networkidle'); // the names in the list come one by one
  await context.clearCookies();

  await page.getByRole('link', { name: 'Pipeline' }).click();

  await page.getByText('Your session has ended').waitFor();
  await refused('401 /api/v1/opportunity/summary');
  await page.getByLabel('Password').waitFor();
});

test('it works on a narrow screen, without scrolling sideways', async () => {
  await page.setViewportSize({ width: 380, height: 780 });
  await log_in('hq');
  await page.getByRole('link', { name: 'Pipeline' }).click();
  await page.getByText('by stage and region').waitFor();

  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0);
  await picture('narrow');
});

// The words in the names of a list that do not stand on one line.
const broken_words = () => page.locator('tbody th').evaluateAll((names) => names.flatMap((name) => {
  const broken = [];
  const texts = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const { 0: word, index } of texts.currentNode.data.matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + word.length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.push(word);
    }
  }
  return broken;
}));

test('names in lists are not broken on a narrow screen, in either language', async () => {
  const admin = await server.log_in('admin');
  await admin.post('/api/v1/lead', { name: 'Wilhelmina Featherstone', company: 'Konmatfix Corporation' });
  const endless = 'x'.repeat(120);
  await admin.post('/api/v1/lead', { name: endless });
  await page.setViewportSize({ width: 390, height: 844 });
  await log_in('hq');

  for (const [language, names] of [['English', ['Leads', 'Customers']], ['中文', ['线索', '客户']]]) {
    await page.getByRole('button', { name: language }).click();
    for (const name of names) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.getByRole('heading', { name, level: 1 }).waitFor();
      await page.locator('tbody th').first().waitFor();
      const broken = await broken_words();
      assert.deepEqual(broken.filter((word) => word !== endless), [], `${name}: broken`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0);
      await picture(`narrow-${name}`);
    }
  }
  await page.getByRole('navigation').getByRole('link', { name: '线索' }).click();
  const column = await page.getByRole('rowheader', { name: endless }).boundingBox();
  assert.ok(column.width < 390, `a name without a blank makes its column ${column.width} px wide`);
});
