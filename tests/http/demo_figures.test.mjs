// tests/http/demo_figures.test.mjs: what the server sums up over the demo's data equals what sqlite3 finds in the CSV files
// themselves.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { root, start, tidemill } from '../support/server.mjs';

const files = join(root, 'config/clients/demo/data/maven-crm');

// Asks the CSV files: tables teams, pipeline, accounts, products. Rows are arrays of texts.
function ask(question) {
  const loads = [['teams', 'sales_teams'], ['pipeline', 'sales_pipeline'], ['accounts', 'accounts'], ['products', 'products']]
    .map(([table, file]) => `.import --csv ${join(files, `${file}.csv`)} ${table}`);
  const script = [...loads, '.mode list', '.separator "\\t"', question].join('\n');
  return execFileSync('sqlite3', [':memory:'], { input: `${script};\n`, encoding: 'utf8' }).trimEnd().split('\n')
    .map((line) => line.split('\t'));
}

const sorted = (rows) => rows.map((row) => row.join(' | ')).sort();

let server;
let admin;

before(async () => {
  server = await start();
  admin = await server.log_in('admin');
});
after(() => server?.stop());

async function summary(client, query) {
  const { status, body } = await client.get(`/api/v1/opportunity/summary?${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body.data;
}

// Name or code of each record by id.
async function by_id(entity, field) {
  return new Map((await admin.all(`/api/v1/${entity}`)).map((record) => [record.id, record[field]]));
}

const whole = (money) => {
  assert.equal(money.currency, 'USD');
  assert.match(money.amount, /^\d+\.00$/);
  return money.amount.slice(0, -3);
};

test('counts by stage and region equal those of the files', async () => {
  const units = await by_id('unit', 'code');

  const shown = (await summary(admin, 'by=stage,unit.parent&count'))
    .map(({ by, count }) => [by.stage, units.get(by['unit.parent']), count]);

  const expected = ask(`SELECT lower(deal_stage), lower(regional_office), count(*)
    FROM pipeline JOIN teams USING (sales_agent) GROUP BY 1, 2`);
  assert.equal(expected.length, 10); // only the central region has prospects
  assert.deepEqual(sorted(shown), sorted(expected));
});

test('won amounts by region equal those of the files', async () => {
  const units = await by_id('unit', 'code');

  const shown = (await summary(admin, 'by=unit.parent&count&sum=amount&stage=won'))
    .map(({ by, count, sum }) => [units.get(by['unit.parent']), count, whole(sum.amount)]);

  const expected = ask(`SELECT lower(regional_office), count(*), sum(close_value)
    FROM pipeline JOIN teams USING (sales_agent) WHERE deal_stage = 'Won' GROUP BY 1`);
  assert.equal(expected.length, 3);
  assert.deepEqual(sorted(shown), sorted(expected));
});

test('counts and won amounts by agent equal those of the files', async () => {
  const logins = await by_id('position', 'code');

  const counts = (await summary(admin, 'by=owner,stage&count'))
    .map(({ by, count }) => [logins.get(by.owner), by.stage, count]);
  const amounts = (await summary(admin, 'by=owner&sum=amount&stage=won'))
    .map(({ by, sum }) => [logins.get(by.owner), whole(sum.amount)]);

  const agent = `lower(replace(sales_agent, ' ', '.'))`;
  assert.deepEqual(sorted(counts), sorted(ask(`SELECT ${agent}, lower(deal_stage), count(*) FROM pipeline GROUP BY 1, 2`)));
  const expected = ask(`SELECT ${agent}, sum(close_value) FROM pipeline WHERE deal_stage = 'Won' GROUP BY 1`);
  assert.equal(expected.length, 30);
  assert.deepEqual(sorted(amounts), sorted(expected));
});

test('by branch: each manager’s team has what its agents have', async () => {
  const units = await by_id('unit', 'code');

  const shown = (await summary(admin, 'by=unit&count&sum=amount&stage=won'))
    .map(({ by, count, sum }) => [units.get(by.unit), count, whole(sum.amount)]);

  const surname = `lower(substr(manager, instr(manager, ' ') + 1))`;
  const expected = ask(`SELECT lower(regional_office) || '-' || ${surname}, count(*), sum(close_value)
    FROM pipeline JOIN teams USING (sales_agent) WHERE deal_stage = 'Won' GROUP BY 1`);
  assert.equal(expected.length, 6);
  assert.deepEqual(sorted(shown), sorted(expected));
});

test('an agent and a manager sum up their own part only', async () => {
  const anna = await server.log_in('anna.snelling');
  const dustin = await server.log_in('dustin.brinkmann');

  const own = (await summary(anna, 'by=stage&count')).map(({ by, count }) => [by.stage, count]);
  const team = (await summary(dustin, 'by=stage&count')).map(({ by, count }) => [by.stage, count]);

  assert.deepEqual(sorted(own), sorted(ask(`SELECT lower(deal_stage), count(*) FROM pipeline
    WHERE sales_agent = 'Anna Snelling' GROUP BY 1`)));
  assert.deepEqual(sorted(team), sorted(ask(`SELECT lower(deal_stage), count(*)
    FROM pipeline JOIN teams USING (sales_agent) WHERE manager = 'Dustin Brinkmann' GROUP BY 1`)));
});

test('exceptions without a customer are kept and listed as incomplete', async () => {
  const [{ count: incomplete }] = await summary(admin, 'count&incomplete=true');
  const [{ count: without }] = await summary(admin, 'count&customer.null=true');

  assert.equal(String(without), ask(`SELECT count(*) FROM pipeline WHERE account = ''`)[0][0]);
  assert.equal(String(incomplete), ask(`SELECT count(*) FROM pipeline WHERE account = '' AND deal_stage <> 'Prospecting'`)[0][0]);
  const [{ count: engaging }] = await summary(admin, 'count&incomplete=true&stage=engaging');
  assert.equal(engaging, incomplete);
});

test('customers have their values to the cent, and the misspelt words are right', async () => {
  const customers = await admin.all('/api/v1/customer');
  const names = new Map(customers.map((customer) => [customer.id, customer.name]));

  const shown = customers.map((customer) => [
    customer.name, customer.sector, customer.founded, customer.revenue.amount, customer.employees, customer.country,
    names.get(customer.parent) ?? '',
  ]);

  // round() of a sum of cents is exact here: every revenue has two digits after the point at most.
  const expected = ask(`SELECT account, replace(sector, 'technolgy', 'technology'), year_established,
    CAST(round(revenue * 100) AS INTEGER) || '0000.00', employees, replace(office_location, 'Philipines', 'Philippines'),
    subsidiary_of FROM accounts`).map((row) => row.length < 7 ? [...row, ''] : row);
  assert.equal(expected.length, 85);
  assert.deepEqual(sorted(shown), sorted(expected));
  assert.equal(customers.find((customer) => customer.name === 'Acme Corporation').revenue.amount, '1100040000.00');
});

test('every opportunity has one of the seven products', async () => {
  const products = await by_id('product', 'name');

  const shown = (await summary(admin, 'by=product&count')).map(({ by, count }) => [products.get(by.product), count]);

  assert.deepEqual(sorted(shown), sorted(ask(`SELECT replace(product, 'GTXPro', 'GTX Pro'), count(*) FROM pipeline GROUP BY 1`)));
  assert.equal(shown.length, 7);
});

test('a second import changes nothing', async () => {
  const run = (mapping, file) => new Promise((done) => {
    execFile(tidemill, [
      'import', '--config', join(root, 'config/tidemill.lua'), '--data', server.data, '--json', mapping, join(files, file),
    ], { cwd: root }, (error, stdout, stderr) => done({ error, stdout, stderr }));
  });

  for (const [mapping, file, rows] of [['account', 'accounts.csv', 85], ['opportunity', 'sales_pipeline.csv', 8800]]) {
    const { error, stdout, stderr } = await run(mapping, file);
    assert.equal(error, null, stderr);
    const report = JSON.parse(stdout);
    assert.equal(report.rows, rows);
    assert.equal(report.created + report.changed, 0, stdout);
    assert.equal(report.refused, 0, stdout);
    if (mapping === 'opportunity') {
      const counts = Object.fromEntries(report.notes.map((note) => [note.code, note.count]));
      assert.deepEqual(counts, { account_missing: 1425, kept_incomplete: 1088, product_name: 1480 });
    }
  }
});
