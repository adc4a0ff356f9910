// tests/http/import.test.mjs: `tidemill import`, in the server that runs and without one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ask, database } from '../support/change_log.mjs';
import { root, start, tidemill } from '../support/server.mjs';

const HEADER = 'opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value';
let server, folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemill-import-'));
  server = await start({ data: join(folder, 'data') });
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function run(...args) {
  return new Promise((done) => {
    execFile(tidemill, args, { cwd: root }, (error, stdout, stderr) => done({ status: error?.code ?? 0, stdout, stderr }));
  });
}

async function import_file(mapping, header, name, rows, ...more) {
  const file = join(folder, name);
  await writeFile(file, Buffer.concat([header, ...rows].map((row) => Buffer.concat([Buffer.from(row), Buffer.from('\n')]))));
  const result = await run('import', mapping, file, '--data', server.data, '--json', ...more);
  return { ...result, file, report: result.stdout.startsWith('{') ? JSON.parse(result.stdout) : null };
}

const import_rows = (name, rows, ...more) => import_file('opportunity', HEADER, name, rows, ...more);

// The values of a line of CSV; what is in quotes may hold a comma.
const cells = (line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => (
  quoted?.replaceAll('""', '"') ?? plain));

// The rows of a rejects file: what it says of each, as [line, column, reason], and what stood there.
async function rejects_of(file) {
  const [header, ...rows] = (await readFile(`${file}.rejects.csv`, 'latin1')).trim().split(/\r?\n/).map(cells);
  assert.deepEqual(header.slice(0, 3), ['line', 'column', 'reason']);
  return rows.map(([line, column, reason, ...values]) => ({ fault: [Number(line), column, reason], values }));
}

const changes = async () => Number((await ask(database(server.data), 'SELECT count(*) FROM change'))[0][0]);

test('the status is 0 when every row was taken, and 1 when one was refused; both are reported', async () => {
  const good = 'IMP60001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,4800';

  const taken = await import_rows('status.csv', [good]);
  const partly = await import_rows('status.csv', [good, good.replace('4800', 'none')]);
  const refused = await run('import', 'opportunity', partly.file, '--data', server.data);
  const help = await run('import', '--help');

  assert.deepEqual([taken.status, partly.status, refused.status], [0, 1, 1]);
  assert.deepEqual([partly.report.unchanged, partly.report.refused], [1, 1]);
  assert.match(refused.stdout, /1 rows refused/);
  assert.match(help.stdout, /status is 0 when every row was taken, and 1 when rows were refused/);
});

test('good rows are created, and refused rows go to the rejects file with line, column and reason', async () => {
  const { report, file } = await import_rows('mixed.csv', [
    'IMP00001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,4800',
    'IMP00002,Nobody Known,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,4800',
    'IMP00003,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02',
    Buffer.concat([Buffer.from('IMP00004,Anna Snelling,GTX Pro,'), Buffer.from([0xff, 0xfe]), Buffer.from(',Won,2017-01-02,2017-02-03,1')]),
    'IMP00005,Anna Snelling,GTX Pro,Isdom,Won,2017-13-45,2017-02-03,4800',
  ]);

  assert.deepEqual([report.rows, report.created, report.refused], [5, 1, 4]);
  assert.deepEqual((await rejects_of(file)).map((row) => row.fault), [
    [3, 'sales_agent', 'there is no Position with code nobody.known'],
    [4, '', 'the row has 6 values, the header 8'],
    [5, 'account', 'the value is not UTF-8'],
    [6, 'engage_date', 'a date such as 2026-11-23 is needed'],
  ]);
  assert.deepEqual((await rejects_of(file)).map((row) => row.values), [
    ['IMP00002', 'Nobody Known', 'GTX Pro', 'Isdom', 'Won', '2017-01-02', '2017-02-03', '4800'],
    ['IMP00003', 'Anna Snelling', 'GTX Pro', 'Isdom', 'Won', '2017-01-02'],
    ['IMP00004', 'Anna Snelling', 'GTX Pro', '\u00ff\u00fe', 'Won', '2017-01-02', '2017-02-03', '1'],
    ['IMP00005', 'Anna Snelling', 'GTX Pro', 'Isdom', 'Won', '2017-13-45', '2017-02-03', '4800'],
  ]);
});

const ACCOUNT = 'account,sector,year_established,revenue,employees,office_location,subsidiary_of';

test('a number that is none is refused, and named with its column', async () => {
  const { report, file } = await import_file('account', ACCOUNT, 'accounts.csv', [
    'Import One,retail,199x,10,100,Kenya,',
    'Import Two,retail,1999,10,many,Kenya,',
    'Import Three,retail,1999,10,-5,Kenya,',
    'Import Four,retail,,10,,Kenya,',
  ]);

  assert.deepEqual([report.created, report.refused], [1, 3]);
  const whole = 'a whole number between -9007199254740991 and 9007199254740991 is needed';
  assert.deepEqual((await rejects_of(file)).map((row) => row.fault), [
    [2, 'year_established', whole], [3, 'employees', whole], [4, 'employees', 'at least 0'],
  ]);
});

const needed = 'needed is {"amount": "12.50", "currency": "USD"}';

test('an amount that is none is refused, and named with its column', async () => {
  const opportunities = await import_rows('amounts.csv', [
    'IMP30001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,48oo',
    'IMP30002,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,48.123',
    'IMP30003,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,99999999999999999999',
  ]);
  const products = await import_file('product', 'product,series,sales_price', 'products.csv', ['Import GTX,GTX,', 'Import MG,MG,free']);

  const digits = 'a number as text is needed, with at most 2 digits after the point, for example "12.50"';
  assert.deepEqual((await rejects_of(opportunities.file)).map((row) => row.fault), [
    [2, 'close_value', needed], [3, 'close_value', digits], [4, 'close_value', 'the number is too large'],
  ]);
  assert.deepEqual((await rejects_of(products.file)).map((row) => row.fault), [[2, 'sales_price', needed], [3, 'sales_price', needed]]);
});

test('after a run without a refused row there is no rejects file', async () => {
  const row = (amount) => `IMP40001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,${amount}`;
  const { file } = await import_rows('mended.csv', [row('none')]);
  await access(`${file}.rejects.csv`);

  const { report } = await import_rows('mended.csv', [row('4800')]);

  assert.equal(report.created, 1);
  await assert.rejects(access(`${file}.rejects.csv`), { code: 'ENOENT' });
});

test('the refused rows never take the place of the rows that are read', async () => {
  const file = join(folder, 'same.csv');
  await writeFile(file, `${HEADER}\nX,Nobody Known,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,1\n`);
  const before = await readFile(file, 'utf8');

  const same = await run('import', 'opportunity', file, '--data', server.data, '--rejects', file);
  const directory = await run('import', 'opportunity', file, '--data', server.data, '--rejects', folder);

  assert.deepEqual([same.status, directory.status], [1, 1]);
  assert.match(same.stderr, /same\.csv/);
  assert.match(directory.stderr, /cannot remove/);
  assert.equal(await readFile(file, 'utf8'), before);
});

test('a row whose record was archived is refused, and says so', async () => {
  const row = 'IMP50001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,4800';
  await import_rows('archived.csv', [row]);
  const admin = await server.log_in('admin');
  const [{ id }] = (await admin.get('/api/v1/opportunity?number=IMP50001')).body.data;
  await admin.delete(`/api/v1/opportunity/${id}`);

  const { report, file } = await import_rows('archived.csv', [row]);

  assert.deepEqual([report.created, report.changed, report.refused], [0, 0, 1]);
  assert.deepEqual((await rejects_of(file)).map(({ fault }) => fault), [[2, 'opportunity_id', 'the record is archived']]);
});

test('the same file read twice changes nothing the second time', async () => {
  const rows = ['IMP10001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,4800', 'IMP10002,Anna Snelling,GTXPro,,Engaging,2017-01-02,,'];
  const first = await import_rows('twice.csv', rows);
  const before_second = await changes();

  const second = await import_rows('twice.csv', rows);

  assert.equal(first.report.created, 2);
  assert.deepEqual([second.report.created, second.report.changed, second.report.unchanged], [0, 0, 2]);
  assert.equal(await changes(), before_second);
});

test('a missing column, mapping or file is named, with status 1', async () => {
  const file = join(folder, 'short.csv');
  await writeFile(file, 'opportunity_id,product\nX,GTX Pro\n');

  const column = await run('import', 'opportunity', file, '--data', server.data);
  const mapping = await run('import', 'oportunity', file, '--data', server.data);
  const missing = await run('import', 'opportunity', join(folder, 'none.csv'), '--data', server.data);

  assert.deepEqual([column.status, mapping.status, missing.status], [1, 1, 1]);
  assert.match(column.stderr, /sales_agent/);
  assert.match(mapping.stderr, /there is no mapping oportunity/);
  assert.match(missing.stderr, /none\.csv/);
  for (const { stderr } of [column, mapping, missing]) assert.equal(stderr.trim().split('\n').length, 1, stderr);
});

test('wrong usage ends with status 2 and says what is right', async () => {
  const { status, stderr } = await run('import', 'opportunity');

  assert.equal(status, 2);
  assert.match(stderr, /usage: tidemill import/);
});

test('without a server the import runs in its own process, and the next start has it', async () => {
  await server.stop();
  const { report } = await import_rows('alone.csv', ['IMP20001,Anna Snelling,GTX Pro,Isdom,Won,2017-01-02,2017-02-03,4800']);
  server = await start({ data: server.data });
  const admin = await server.log_in('admin');

  assert.equal(report.created, 1);
  assert.equal((await admin.get('/api/v1/opportunity?number=IMP20001')).body.data.length, 1);
});
