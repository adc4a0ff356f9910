// tests/http/api.test.mjs: what the HTTP API promises to its clients (DESIGN.md, section 5).

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { ask, database, verify_changes } from '../support/change_log.mjs';
import { probe } from '../support/probe.mjs';
import { assert_problem } from '../support/problem.mjs';
import { exchange } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { demo_password, start, tidemill } from '../support/server.mjs';

let root;
let server;
let admin;
let serial = 0;

before(async () => {
  root = await make_root({ plugins: { probe } });
  server = await start({ config: root.config, cwd: root.path });
  admin = await server.log_in('admin');
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

const fresh = (what = 'Api') => `${what} ${serial += 1}`;
const usd = (amount) => ({ amount, currency: 'USD' });

async function create(entity, fields, client = admin) {
  const { status, body, text } = await client.post(`/api/v1/${entity}`, fields);
  assert.equal(status, 201, text);
  return body.data;
}

async function list(path, client = admin) {
  const { status, body, text } = await client.get(path);
  assert.equal(status, 200, `${path}: ${text}`);
  return body;
}

// A list page by page; `between` runs after each page.
async function walk(path, limit, client = admin, between = () => {}) {
  const found = [];
  let cursor = null;
  do {
    const page = await list(`${path}&limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, client);
    assert.ok(page.data.length <= limit);
    assert.ok(page.next === null || page.data.length === limit, 'only the last page may be short');
    found.push(...page.data);
    cursor = page.next;
    await between(found);
  } while (cursor);
  return found;
}

const COMMON = ['archived_at', 'changed_at', 'created_at', 'id', 'version'];

describe('a record', () => {
  test('is created with 201, Location and ETag, and is got as it was answered', async () => {
    const name = fresh();

    const made = await admin.post('/api/v1/probe', { name, number: 3 });
    const got = await admin.get(made.headers.get('location'));

    assert.equal(made.status, 201);
    assert.equal(made.headers.get('location'), `/api/v1/probe/${made.body.data.id}`);
    assert.equal(made.headers.get('etag'), '"1"');
    assert.equal(made.headers.get('content-type'), 'application/json');
    assert.equal(got.status, 200);
    assert.equal(got.headers.get('etag'), '"1"');
    assert.deepEqual(got.body, made.body);
  });

  test('has every field that one may see, empty ones as null, and no password', async () => {
    const data = await create('probe', { name: fresh() });

    const fields = ['name', 'title', 'code', 'note', 'mail', 'call', 'site', 'number', 'large', 'rate', 'price', 'fee', 'flag', 'day', 'moment', 'colour',
      'customer', 'above', 'secret_note', 'computed', 'stage'];
    assert.deepEqual(Object.keys(data).sort(), [...COMMON, ...fields].sort());
    for (const field of fields.filter((one) => one !== 'name' && one !== 'stage')) assert.equal(data[field], null, field);
    assert.equal(data.stage, 'open');
    assert.equal(data.version, 1);
    assert.equal(data.archived_at, null);
    assert.match(data.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(data.changed_at, data.created_at);
    assert.ok(Math.abs(Date.parse(data.created_at) - Date.now()) < 60_000);
  });

  test('keeps every value as it was given', async () => {
    const { data: [customer] } = await list('/api/v1/customer?limit=1');
    const values = {
      title: 'Ünïcode', note: 'two\nlines\tand 😀 "quotes" \\ /', mail: 'a.b+c@example.co.uk', call: '+86 (10) 6-5', site: 'https://example.com/?q=1#x',
      number: -7, large: -9007199254740991, rate: '-0.001', price: usd('0.10'), flag: false, day: '2024-02-29', moment: '1999-12-31T23:59:59.999Z',
      colour: 'blue', customer: customer.id, stage: 'busy',
    };

    const made = await create('probe', { name: fresh(), code: 'MiXeD ÄÖÜ', ...values });
    const { data: got } = await list(`/api/v1/probe/${made.id}`);

    for (const [field, value] of Object.entries(values)) assert.deepEqual(got[field], value, field);
    assert.equal(got.code, 'mixed äöü');
  });

  test('takes a reference as an id or as the object that expand gives', async () => {
    const above = await create('probe', { name: fresh(), number: 1 });

    const made = await create('probe', { name: fresh(), above });

    assert.equal(made.above, above.id);
  });

  test('is changed by a merge patch: null clears, what is not named stays', async () => {
    const made = await create('probe', { name: fresh(), number: 3, title: 'old', price: usd('1.00') });

    const patched = await admin.patch(`/api/v1/probe/${made.id}`, { number: null, price: null, colour: 'red' });

    assert.equal(patched.status, 200, patched.text);
    assert.equal(patched.headers.get('etag'), '"2"');
    const { changed_at, ...rest } = patched.body.data;
    const { changed_at: _, ...before_it } = made;
    assert.deepEqual(rest, { ...before_it, number: null, price: null, colour: 'red', version: 2 });
    assert.ok(changed_at >= made.changed_at);
    assert.deepEqual((await admin.get(`/api/v1/probe/${made.id}`)).body, patched.body);
  });

  test('an amount may be patched alone and keeps its currency, as a merge patch says', async () => {
    const made = await create('probe', { name: fresh(), price: usd('1.00') });

    const patched = await admin.patch(`/api/v1/probe/${made.id}`, { price: { amount: '2.50' } });

    assert.equal(patched.status, 200, patched.text);
    assert.deepEqual(patched.body.data.price, usd('2.50'));
    const same = await admin.patch(`/api/v1/probe/${made.id}`, { price: { currency: 'USD' } });
    assert.deepEqual([same.status, same.body.data.price, same.body.data.version], [200, usd('2.50'), 2]);
    assert_problem(await admin.patch(`/api/v1/probe/${made.id}`, { price: { amount: null } }), 422, { field: 'price' });
  });

  test('that a patch leaves as it is keeps its version', async () => {
    const values = { number: 3, title: 'same', price: usd('1.00'), rate: '1.500', flag: true, moment: '2026-01-01T00:00:00Z', above: null };
    const made = await create('probe', { name: fresh(), ...values });

    const patched = await admin.patch(`/api/v1/probe/${made.id}`, { ...values, price: usd('1'), rate: '1.5' });

    assert.equal(patched.status, 200, patched.text);
    assert.equal(patched.headers.get('etag'), '"1"');
    assert.deepEqual(patched.body.data, made);
  });

  test('moves along its lifecycle, and the move sets what it may', async () => {
    const made = await create('probe', { name: fresh() });

    const moved = await admin.post(`/api/v1/probe/${made.id}/take`, { number: 9 });
    const again = await admin.request('POST', `/api/v1/probe/${made.id}/shut`);

    assert.equal(moved.status, 200, moved.text);
    assert.deepEqual([moved.body.data.stage, moved.body.data.number, moved.headers.get('etag')], ['busy', 9, '"2"']);
    assert.equal(again.status, 200, again.text);
    assert.equal(again.body.data.stage, 'shut');
  });

  test('does what an action says', async () => {
    const made = await create('probe', { name: fresh(), number: 5 });

    const doubled = await admin.post(`/api/v1/probe/${made.id}/double`);
    const tenfold = await admin.post(`/api/v1/probe/${made.id}/double`, { times: 10 });

    assert.equal(doubled.status, 200, doubled.text);
    assert.equal(doubled.body.data.number, 10);
    assert.equal(tenfold.body.data.number, 100);
    assert.equal(tenfold.headers.get('etag'), '"3"');
  });

  test('that is archived is hidden from lists and sums, and can still be got', async () => {
    const name = fresh('Archived');
    const made = await create('probe', { name, number: 1 });

    const archived = await admin.delete(`/api/v1/probe/${made.id}`);
    const got = await admin.get(`/api/v1/probe/${made.id}`);

    assert.equal(archived.status, 200, archived.text);
    assert.equal(archived.headers.get('etag'), '"2"');
    assert.match(archived.body.data.archived_at, /Z$/);
    assert.deepEqual(got.body, archived.body);
    const query = `name=${encodeURIComponent(name)}`;
    assert.deepEqual((await list(`/api/v1/probe?${query}`)).data, []);
    assert.equal((await list(`/api/v1/probe/summary?count&${query}`)).data[0]?.count ?? 0, 0);
    assert.equal((await list(`/api/v1/probe?archived_at.null=false&${query}`)).data[0].id, made.id);
    assert.equal((await list(`/api/v1/probe/summary?count&archived_at.null=false&${query}`)).data[0].count, 1);
  });

  test('shows only the fields that were asked for, and the id', async () => {
    const above = await create('probe', { name: fresh(), number: 1 });
    const made = await create('probe', { name: fresh(), number: 2, above: above.id });
    const path = `/api/v1/probe/${made.id}`;

    assert.deepEqual((await list(`${path}?fields=number,name`)).data, { id: made.id, name: made.name, number: 2 });
    assert.deepEqual((await list(`${path}?fields=id`)).data, { id: made.id });
    assert.deepEqual((await list(`${path}?expand=above`)).data, { ...made, above });
    assert.deepEqual((await list(`${path}?expand=above&fields=above`)).data, { id: made.id, above });
    assert.equal((await list(`/api/v1/probe/${above.id}?expand=above`)).data.above, null);
    assert.deepEqual((await list(`/api/v1/probe?id=${made.id}&expand=above,customer&fields=number,above,customer`)).data,
      [{ id: made.id, number: 2, above, customer: null }]);
    const patched = await admin.patch(`${path}?fields=version`, { number: 8 });
    assert.deepEqual(patched.body.data, { id: made.id, version: 2 });
  });

  test('expands a reference no further than the reader may see', async () => {
    const anna = await server.log_in('anna.snelling');
    const { data: [opportunity] } = await list('/api/v1/opportunity?limit=1&expand=owner,unit,customer', anna);

    assert.ok(opportunity, 'anna has opportunities');
    assert.deepEqual(Object.keys(opportunity.owner).sort(), ['id', 'name', 'version']);
    assert.deepEqual(Object.keys(opportunity.unit).sort(), ['code', 'id', 'name', 'version']);
    assert.ok('revenue' in (opportunity.customer ?? { revenue: 1 }));
  });
});

describe('ids', () => {
  test('are opaque: of one shape, and in no order, while sort=id keeps the order of creation', async () => {
    const made = [];
    for (let i = 0; i < 40; i += 1) made.push((await create('contact', { name: `Id ${i}` })).id);

    assert.equal(new Set(made).size, 40);
    for (const id of made) assert.match(id, /^[0-9a-z]{13}$/);
    const in_order = made.filter((id, i) => i > 0 && id > made[i - 1]).length;
    assert.ok(in_order > 5 && in_order < 34, `${in_order} of 39 ids are greater than the one before`);
    const { data } = await list('/api/v1/contact?name.ge=Id&name.lt=Ie&sort=id&fields=id&limit=200');
    assert.deepEqual(data.map(({ id }) => id), made);
    const { data: back } = await list('/api/v1/contact?name.ge=Id&name.lt=Ie&sort=-id&fields=id&limit=200');
    assert.deepEqual(back.map(({ id }) => id), made.reverse());
  });

  test('do not show how many records were made in between', async () => {
    const numbers = [];
    for (let i = 0; i < 8; i += 1) numbers.push(BigInt(parseInt((await create('contact', { name: 'Gap' })).id.slice(0, 8), 36)));

    const gaps = numbers.slice(1).map((number, i) => number - numbers[i]);
    assert.equal(new Set(gaps).size, gaps.length);
    assert.ok(gaps.some((gap) => gap < 0n) && gaps.some((gap) => gap > 0n));
  });
});

// Some records of each value, and of none. Every list below is over these alone.
const colours = ['red', 'green', 'blue', null];
const samples = Array.from({ length: 60 }, (_, i) => ({
  name: `Sample ${String(i).padStart(2, '0')}`,
  title: ['alpha', 'Beta', 'gamma', 'Ödön', '表', '😀', null][i % 7],
  number: i % 5 === 0 ? null : (i * 7) % 13 - 6,
  large: i % 4 === 0 ? null : [9007199254740991, -9007199254740991, 0][i % 3],
  rate: i % 6 === 0 ? null : ['0.100', '-1.250', '2.000', '10.000'][i % 4],
  price: i % 3 === 0 ? null : usd(['0.10', '0.20', '-5.00', '1000000.00', '0.30'][i % 5]),
  flag: [true, false, null][i % 3],
  day: i % 8 === 0 ? null : `2026-0${1 + i % 9}-15`,
  moment: i % 9 === 0 ? null : `2026-01-0${1 + i % 7}T0${i % 4}:00:00.000Z`,
  colour: colours[i % 4],
  code: 'sample',
}));
let stored;

async function store_samples() {
  if (stored) return stored;
  const { data: customers } = await list('/api/v1/customer?limit=3');
  stored = [];
  for (const [i, sample] of samples.entries()) {
    stored.push(await create('probe', { ...sample, customer: customers[i % 4]?.id ?? null }));
  }
  return stored;
}

// How the values of a type compare; null is the least.
const compare_text = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const scaled = (text) => BigInt(text.replace('.', ''));
const value_order = {
  title: compare_text, name: compare_text, colour: compare_text, day: compare_text, stage: compare_text,
  number: (a, b) => a - b, large: (a, b) => a - b, flag: (a, b) => a - b, moment: (a, b) => Date.parse(a) - Date.parse(b),
  rate: (a, b) => Number(scaled(a) - scaled(b)), price: (a, b) => Number(scaled(a.amount) - scaled(b.amount)),
};
function compare(field, a, b) {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return value_order[field](a, b);
}

describe('a list', () => {
  before(store_samples);

  const cases = {
    title: ['Beta', 'zzz', '表', ''], number: [0, -6, 6], large: [9007199254740991, 0], rate: ['0.100', '2.000', '-1.250'], price: ['0.20', '-5.00', '7.00'],
    flag: [true, false], day: ['2026-04-15', '2026-01-01'], moment: ['2026-01-03T02:00:00.000Z', '2026-01-04T00:00:00.000Z'], colour: ['red', 'blue'],
  };
  const operators = {
    eq: (order) => order === 0, lt: (order) => order < 0, le: (order) => order <= 0, gt: (order) => order > 0, ge: (order) => order >= 0,
  };
  const only_equality = ['flag', 'colour'];
  const as_value = (field, value) => field === 'price' ? usd(value) : value;

  for (const [field, values] of Object.entries(cases)) {
    for (const [operator, fits] of Object.entries(operators)) {
      if (operator !== 'eq' && only_equality.includes(field)) continue;
      test(`filters by ${field}${operator === 'eq' ? '' : `.${operator}`}`, async () => {
        for (const value of values) {
          const parameter = `${field}${operator === 'eq' ? '' : `.${operator}`}=${encodeURIComponent(value)}`;
          const { data } = await list(`/api/v1/probe?code=sample&limit=200&${parameter}`);

          const expected = stored.filter((one) => one[field] !== null && fits(compare(field, one[field], as_value(field, value))));
          assert.deepEqual(data.map((one) => one.name), expected.map((one) => one.name), parameter);
        }
      });
    }

    test(`filters by ${field}.ne, .in and .null`, async () => {
      const names = async (parameter) => (await list(`/api/v1/probe?code=sample&limit=200&${parameter}`)).data.map((one) => one.name);
      const equal = (one, value) => one[field] !== null && compare(field, one[field], as_value(field, value)) === 0;
      const expected = (fits) => stored.filter(fits).map((one) => one.name);

      for (const value of values) {
        assert.deepEqual(await names(`${field}.ne=${encodeURIComponent(value)}`), expected((one) => !equal(one, value)), `${field}.ne=${value}`);
      }
      assert.deepEqual(await names(`${field}.in=${values.map(encodeURIComponent)}`), expected((one) => values.some((value) => equal(one, value))));
      assert.deepEqual(await names(`${field}.null=true`), expected((one) => one[field] === null));
      assert.deepEqual(await names(`${field}.null=false`), expected((one) => one[field] !== null));
    });
  }

  test('filters by references', async () => {
    const { customer } = stored[0];
    const names = async (parameter) => (await list(`/api/v1/probe?code=sample&limit=200&${parameter}`)).data.map((one) => one.name);
    const expected = (fits) => stored.filter(fits).map((one) => one.name);

    assert.deepEqual(await names(`customer=${customer}`), expected((one) => one.customer === customer));
    assert.deepEqual(await names(`customer.ne=${customer}`), expected((one) => one.customer !== customer));
    assert.deepEqual(await names(`customer.in=${customer},${stored[1].customer}`), expected((one) => [customer, stored[1].customer].includes(one.customer)));
    assert.deepEqual(await names('customer.null=true'), expected((one) => one.customer === null));
    assert.deepEqual(await names(`id.in=${stored[3].id},${stored[7].id}`), ['Sample 03', 'Sample 07']);
  });

  test('filters by a part of a text, as it stands', async () => {
    const names = async (value) => (await list(`/api/v1/probe?code=sample&limit=200&name.has=${encodeURIComponent(value)}`)).data.map((one) => one.name);

    assert.deepEqual(await names('ple 1'), stored.slice(10, 20).map((one) => one.name));
    assert.deepEqual(await names('%'), []);
    assert.deepEqual(await names('_'), []);
    assert.deepEqual(await names('PLE'), []);
    assert.equal((await names('')).length, 60);
  });

  test('joins filters by "and"', async () => {
    const { data } = await list('/api/v1/probe?code=sample&number.ge=0&number.lt=5&colour=red&flag.null=false&limit=200');

    const expected = stored.filter((one) => one.number !== null && one.number >= 0 && one.number < 5 && one.colour === 'red' && one.flag !== null);
    assert.ok(expected.length > 0);
    assert.deepEqual(data, expected);
  });

  test('reads percent-encoding and "+" in values and names', async () => {
    assert.deepEqual((await list('/api/v1/probe?n%61me=Sample+0%35')).data.map((one) => one.name), ['Sample 05']);
    assert.deepEqual((await list('/api/v1/probe?title=%E8%A1%A8&code=sample&limit=1')).data[0].title, '表');
  });

  test('has 50 records where no limit is given, at most 200, and null after the last page', async () => {
    const first = await list('/api/v1/probe?code=sample');
    const rest = await list(`/api/v1/probe?code=sample&cursor=${first.next}`);

    assert.equal(first.data.length, 50);
    assert.equal(rest.data.length, 10);
    assert.equal(rest.next, null);
    assert.equal((await list('/api/v1/probe?code=sample&limit=60')).next, null);
    assert.deepEqual(await list('/api/v1/probe?code=nothing'), { data: [], next: null });
  });

  const sorts = ['id', '-id', 'name', '-name', 'number', '-number', 'title,-number', '-title,number', 'price', '-price', 'rate,-price', '-large,title',
    'flag,day', '-flag,-day', 'day,-name', '-day,moment', 'moment', '-moment', 'colour,-number,name', '-colour,number,-name', 'number,id', '-number,id',
    'number,-id', '-number,title,-price,day'];
  for (const sort of sorts) {
    test(`sorted by ${sort} is in order, and page by page the same`, async () => {
      const { data: whole } = await list(`/api/v1/probe?code=sample&sort=${sort}&limit=200`);

      assert.equal(whole.length, 60);
      const keys = sort.split(',').map((key) => ({ field: key.replace('-', ''), sign: key[0] === '-' ? -1 : 1 }));
      const created = new Map(stored.map((one, i) => [one.id, i]));
      const order = (a, b) => {
        for (const { field, sign } of keys) {
          const by = field === 'id' ? created.get(a.id) - created.get(b.id) : compare(field, a[field], b[field]);
          if (by !== 0) return by * sign;
        }
        return 0;
      };
      for (let i = 1; i < whole.length; i += 1) assert.ok(order(whole[i - 1], whole[i]) <= 0, `${whole[i - 1].name} before ${whole[i].name}`);
      for (const limit of [1, 7, 59]) {
        const walked = await walk(`/api/v1/probe?code=sample&fields=name&sort=${sort}`, limit);
        assert.deepEqual(walked.map(({ id }) => id), whole.map(({ id }) => id), `pages of ${limit}`);
      }
    });
  }

  for (const sort of ['number', '-number', '-title', 'name', '-id', '-price,name']) {
    test(`sorted by ${sort} shows each record once while others come and go`, async () => {
      const code = fresh('walk').toLowerCase();
      const own = [];
      for (const sample of samples.slice(0, 24)) own.push(await create('probe', { ...sample, name: fresh('Walk'), code }));
      const gone = new Set();
      let pages = 0;

      const seen = await walk(`/api/v1/probe?code=${encodeURIComponent(code)}&sort=${sort}`, 5, admin, async (found) => {
        if ((pages += 1) > 4) return;
        await create('probe', { name: fresh('A before'), number: -999, title: 'A', code, price: usd('-99.00') });
        await create('probe', { name: fresh('Z after'), number: null, code });
        await create('probe', { name: fresh('Middle'), number: 0, title: 'gamma', code, price: usd('0.20') });
        const unseen = own.find((one) => !gone.has(one.id) && !found.some((other) => other.id === one.id));
        if (unseen && gone.size < 2) {
          gone.add(unseen.id);
          await admin.delete(`/api/v1/probe/${unseen.id}`);
        }
      });

      const ids = seen.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, 'one came twice');
      const missing = own.filter((one) => !gone.has(one.id) && !ids.includes(one.id));
      assert.deepEqual(missing.map(({ name }) => name), [], 'one did not come');
      assert.equal(gone.size, 2);
    });
  }

  test('under a policy of several branches is in order, page by page the same, and what the policy says', async () => {
    const dustin = await server.log_in('dustin.brinkmann');
    const branch = (await list('/api/v1/session', dustin)).data.unit.id;
    const everything = await admin.all('/api/v1/opportunity');
    const expected = everything.filter((one) => one.unit === branch).map(({ id }) => id).sort();

    assert.ok(expected.length > 2);
    for (const sort of ['id', '-amount', 'closed_on,-number', '-customer,stage']) {
      const { data: whole } = await list(`/api/v1/opportunity?sort=${sort}&limit=200`, dustin);
      const walked = await walk(`/api/v1/opportunity?sort=${sort}`, 3, dustin);
      assert.deepEqual(walked.map(({ id }) => id), whole.map(({ id }) => id));
      assert.deepEqual(whole.map(({ id }) => id).sort(), expected);
    }
  });
});

describe('a summary', () => {
  before(store_samples);

  const sum_up = async (query) => (await list(`/api/v1/probe/summary?${query}`)).data;

  // What the summary should be, from the records themselves.
  function expected(by, records, { sum } = {}) {
    const groups = new Map();
    for (const one of records) {
      const key = JSON.stringify(by.map((field) => one[field]));
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    return new Map([...groups].map(([key, members]) => {
      const summed = sum && members.filter((one) => one[sum] !== null);
      const total = summed && (summed.length === 0 ? null : summed.map((one) => one[sum]).reduce((a, b) =>
        typeof a === 'number' ? a + b : typeof a === 'string' ? decimal(scaled(a) + scaled(b), 3) : usd(decimal(scaled(a.amount) + scaled(b.amount), 2))));
      return [key, { count: members.length, total }];
    }));
  }
  function decimal(units, scale) {
    const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
    return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  }
  const shown = (by, data, sum) => new Map(data.map((one) => [JSON.stringify(by.map((field) => one.by[field])), { count: one.count, total: sum && one.sum[sum] }]));

  for (const by of [['colour'], ['flag'], ['day'], ['colour', 'flag'], ['customer'], ['number', 'title'], ['price'], ['rate'], ['moment'], ['stage', 'colour', 'flag']]) {
    for (const sum of ['number', 'rate', 'price']) {
      test(`by ${by} counts, and sums ${sum} exactly`, async () => {
        const data = await sum_up(`code=sample&count&by=${by}&sum=${sum}`);

        assert.deepEqual(shown(by, data, sum), expected(by, stored, { sum }));
      });
    }
  }

  test('takes the filters of a list', async () => {
    const data = await sum_up('code=sample&count&by=colour&number.ge=0&flag=true&title.ne=alpha');

    const fitting = stored.filter((one) => one.number !== null && one.number >= 0 && one.flag === true && one.title !== 'alpha');
    assert.ok(fitting.length > 0);
    assert.deepEqual(shown(['colour'], data), expected(['colour'], fitting));
  });

  test('without groups is one line, also over nothing', async () => {
    assert.deepEqual(await sum_up('code=sample&count&sum=number,price'), [{
      by: {}, count: 60, sum: {
        number: expected([], stored, { sum: 'number' }).get('[]').total, price: expected([], stored, { sum: 'price' }).get('[]').total,
      },
    }]);
    assert.deepEqual(await sum_up('code=nothing&count&sum=price'), [{ by: {}, count: 0, sum: { price: null } }]);
    assert.deepEqual(await sum_up('code=nothing&count&by=colour'), []);
  });

  test('groups by a field of a reference', async () => {
    const names = new Map((await admin.all('/api/v1/customer')).map((one) => [one.id, one.name]));

    const data = await sum_up('code=sample&count&by=customer.name,flag');

    const with_names = stored.map((one) => ({ ...one, 'customer.name': names.get(one.customer) ?? null }));
    assert.deepEqual(shown(['customer.name', 'flag'], data), expected(['customer.name', 'flag'], with_names));
  });

  test('has no count unless it is asked for', async () => {
    assert.deepEqual(Object.keys((await sum_up('code=sample&by=colour'))[0]), ['by']);
    assert.deepEqual(Object.keys((await sum_up('code=sample&by=colour&sum=number'))[0]).sort(), ['by', 'sum']);
    for (const count of ['count', 'count=', 'count=true']) assert.equal((await sum_up(`code=sample&${count}`))[0].count, 60);
  });

  test('whose sum is too large is refused, not rounded', async () => {
    for (let i = 0; i < 2; i += 1) await create('probe', { name: fresh(), code: 'large', price: usd('92233720368547758.07') });

    assert_problem(await admin.get('/api/v1/probe/summary?code=large&sum=price'), 400, { field: 'sum', says: /too large/ });
    assert.deepEqual(await sum_up('code=large&sum=price&by=name&name.ne=x').then((data) => data.map((one) => one.sum.price.amount)),
      ['92233720368547758.07', '92233720368547758.07']);
  });

  test('of somebody who sees a part sums up that part', async () => {
    const anna = await server.log_in('anna.snelling');
    const own = await anna.all('/api/v1/opportunity');

    const { data: [{ count }] } = await list('/api/v1/opportunity/summary?count', anna);

    assert.ok(count > 0);
    assert.equal(count, own.length);
  });
});

describe('money', () => {
  const cases = [['0.10', '0.10'], ['12.5', '12.50'], ['0', '0.00'], ['-5', '-5.00'], ['-0.01', '-0.01'], ['007', '7.00'], ['92233720368547758.07', '92233720368547758.07'],
    ['1100040000.00', '1100040000.00']];
  for (const [given, back] of cases) {
    test(`${given} comes back as the text ${back}`, async () => {
      const data = await create('probe', { name: fresh(), price: usd(given) });

      assert.deepEqual(data.price, usd(back));
      assert.match((await admin.get(`/api/v1/probe/${data.id}`)).text, new RegExp(`"price":\\{"amount":"${back}","currency":"USD"\\}`));
    });
  }

  test('ten times 0.10 sum up to 1.00', async () => {
    for (let i = 0; i < 10; i += 1) await create('probe', { name: fresh(), code: 'dimes', price: usd('0.10') });

    assert.deepEqual((await list('/api/v1/probe/summary?code=dimes&sum=price')).data, [{ by: {}, sum: { price: usd('1.00') } }]);
  });
});

describe('HEAD', () => {
  test('answers as GET does, without the body', async () => {
    const { id } = await create('probe', { name: fresh() });
    const headers = { cookie: admin.cookie };
    const paths = [`/api/v1/probe/${id}`, '/api/v1/customer?limit=3', '/api/v1/opportunity/summary?by=stage&count', '/api/v1/probe/x', '/api/v1/session', '/', '/healthz'];
    for (const path of paths) {
      const head = await exchange(server.url, 'HEAD', path, { headers });
      const get = await exchange(server.url, 'GET', path, { headers });

      assert.equal(head.status, get.status, path);
      const { date: _, ...told } = head.headers;
      const { date: __, ...expected } = get.headers;
      assert.deepEqual(told, expected, path);
    }
  });
});

describe('a change that comes with a cookie', () => {
  const attempt = (headers) => admin.request('POST', '/api/v1/contact', { name: 'Cross' }, headers);
  const host = () => new URL(server.url).host;

  test('is taken from the own pages, and from programs that say nothing of where they are', async () => {
    for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: server.url },
      { 'sec-fetch-site': 'same-origin', origin: server.url }]) {
      assert.equal((await attempt(headers)).status, 201, JSON.stringify(headers));
    }
  });

  test('is refused from anywhere else', async () => {
    const count = async () => (await list('/api/v1/contact/summary?count&name=Cross')).data[0].count;
    const before_it = await count();
    const other_port = `http://127.0.0.1:${Number(new URL(server.url).port) ^ 1}`;
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'cross-site', origin: server.url }, { 'sec-fetch-site': '' },
      { 'sec-fetch-site': 'nonsense' }, { origin: 'http://evil.example' }, { origin: 'null' }, { origin: other_port }, { origin: 'http://127.0.0.1' },
      { origin: `${server.url}.evil.example` }, { origin: `http://x@${host()}` }, { origin: `ftp://${host()}` }, { origin: '' },
    ]) {
      assert_problem(await attempt(headers), 403);
    }
    assert.equal(await count(), before_it);
  });

  test('is refused for PATCH, DELETE, moves and the log-in and log-out alike, and reading is not', async () => {
    const { id } = await create('probe', { name: fresh() });
    const evil = { 'sec-fetch-site': 'cross-site' };

    assert_problem(await admin.request('PATCH', `/api/v1/probe/${id}`, { number: 1 }, evil), 403);
    assert_problem(await admin.request('DELETE', `/api/v1/probe/${id}`, undefined, evil), 403);
    assert_problem(await admin.request('POST', `/api/v1/probe/${id}/take`, {}, evil), 403);
    assert_problem(await admin.request('DELETE', '/api/v1/session', undefined, evil), 403);
    assert_problem(await server.nobody.request('POST', '/api/v1/session', { login: 'admin', password: demo_password }, evil), 403);
    const got = await admin.request('GET', `/api/v1/probe/${id}`, undefined, evil);
    assert.deepEqual([got.status, got.body.data.version], [200, 1]);
  });
});

describe('a session', () => {
  test('begins with 201 and a cookie that scripts cannot read', async () => {
    const { status, headers, body } = await server.nobody.post('/api/v1/session', { login: 'Anna.Snelling', password: demo_password });

    assert.equal(status, 201);
    assert.match(headers.get('set-cookie'), /^tidemill_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=(Lax|Strict)(; Max-Age=\d+)?$/);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('location'), '/api/v1/session');
    assert.ok(Date.parse(body.data.expires_at) > Date.now());
  });

  test('says who one is', async () => {
    const anna = await server.log_in('anna.snelling');

    const { data } = await list('/api/v1/session', anna);

    assert.equal(data.user.login, 'anna.snelling');
    assert.equal(data.user.name, 'Anna Snelling');
    assert.deepEqual(data.roles, ['agent']);
    assert.equal(data.positions.length, 1);
    assert.equal(data.unit.code, 'central-brinkmann');
  });

  test('ends with the log-out, and no other ends with it', async () => {
    const [one, other] = [await server.log_in('anna.snelling'), await server.log_in('anna.snelling')];

    const out = await one.delete('/api/v1/session');

    assert.equal(out.status, 204);
    assert.match(out.headers.get('set-cookie'), /Max-Age=0/);
    assert_problem(await one.get('/api/v1/session'), 401);
    assert_problem(await one.post('/api/v1/lead', { name: 'x' }), 401);
    assert.equal((await other.get('/api/v1/session')).status, 200);
  });

  test('is found among other cookies', async () => {
    for (const cookie of [`a=b; ${admin.cookie}`, `${admin.cookie}; a=b`, `a="b;c"; ${admin.cookie}`, `tidemill_session2=x;${admin.cookie}`]) {
      assert.equal((await server.nobody.request('GET', '/api/v1/session', undefined, { cookie })).status, 200, cookie);
    }
  });

  test('of a new user begins with the password that was given', async () => {
    await create('user', { login: 'new.user', name: 'New', password: 'correct horse battery' });

    const client = await server.log_in('New.User', 'correct horse battery');

    assert.equal((await list('/api/v1/session', client)).data.user.name, 'New');
    assert_problem(await server.nobody.post('/api/v1/session', { login: 'new.user', password: 'correct horse batterie' }), 401);
    assert_problem(await client.get('/api/v1/lead'), 403);
  });

  test('ends when the password is set, but for the one in which it was', async () => {
    const login = 'second.admin';
    const { id } = await create('user', { login, name: 'Second', password: 'the first one' });
    const [{ id: role }] = (await admin.get('/api/v1/role?code=administrator')).body.data;
    await create('position', { code: login, holder: id, role });
    const [here, elsewhere] = [await server.log_in(login, 'the first one'), await server.log_in(login, 'the first one')];
    const status_of = async (client) => (await client.get('/api/v1/session')).status;

    assert.equal((await here.patch(`/api/v1/user/${id}`, { name: 'Renamed' })).status, 200);
    assert.deepEqual([await status_of(here), await status_of(elsewhere)], [200, 200]);

    assert.equal((await here.patch(`/api/v1/user/${id}`, { password: 'the second one' })).status, 200);
    assert.deepEqual([await status_of(here), await status_of(elsewhere)], [200, 401]);

    assert.equal((await admin.patch(`/api/v1/user/${id}`, { password: 'the third one' })).status, 200);
    assert.deepEqual([await status_of(here), await status_of(admin)], [401, 200]);
  });

  test('is opened by the changed password only', async () => {
    const { id } = await create('user', { login: 'changing.user', name: 'Changing', password: 'the first one' });

    assert.equal((await admin.patch(`/api/v1/user/${id}`, { password: 'the second one' })).status, 200);

    await server.log_in('changing.user', 'the second one');
    await assert.rejects(server.log_in('changing.user', 'the first one'));
  });
});

describe('a token', () => {
  const run = (...args) => new Promise((done) => {
    execFile(tidemill, [...args, '--config', root.config, '--data', server.data], { cwd: root.path }, (error, stdout, stderr) =>
      done({ status: error ? error.code : 0, stdout, stderr }));
  });
  const bearer = (token, scheme = 'Bearer') => ({ authorization: `${scheme} ${token}` });

  test('from the command line acts with the rights of its user', async () => {
    const { status, stdout, stderr } = await run('token', 'anna.snelling', 'a program');
    assert.equal(status, 0, stderr);
    const token = stdout.trim();

    const who = await server.nobody.request('GET', '/api/v1/session', undefined, bearer(token));
    const lead = await server.nobody.request('POST', '/api/v1/lead', { name: 'By a program' }, bearer(token, 'bearer'));
    const user = await server.nobody.request('POST', '/api/v1/user', { login: 'x', name: 'X' }, bearer(token));

    assert.match(token, /^\S{20,}$/);
    assert.equal(who.body.data.user.login, 'anna.snelling');
    assert.equal(lead.status, 201, lead.text);
    assert_problem(user, 403);
  });

  test('needs no proof of where a request comes from, for no browser sends it by itself', async () => {
    const token = (await run('token', 'admin', 'another')).stdout.trim();

    const made = await server.nobody.request('POST', '/api/v1/contact', { name: 'x' }, { ...bearer(token), 'sec-fetch-site': 'cross-site', origin: 'http://else.example' });

    assert.equal(made.status, 201, made.text);
  });

  test('is stored as a hash only', async () => {
    const token = (await run('token', 'admin', 'third')).stdout.trim();

    const rows = await ask(database(server.data), `SELECT quote(token_hash), name FROM token`);

    assert.ok(rows.some(([, name]) => name === 'third'));
    assert.ok(!JSON.stringify(rows).includes(Buffer.from(token).toString('hex').toUpperCase()));
    assert.ok(!server.logs.includes(token));
  });

  test('for nobody is refused in words', async () => {
    const { status, stdout, stderr } = await run('token', 'nobody.known', 'x');

    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /no user nobody\.known/);
  });

  test('for nothing is wrong usage', async () => {
    assert.equal((await run('token', 'admin')).status, 2);
  });
});

describe('the log of changes', () => {
  const changes = () => verify_changes(database(server.data));

  test('tells who changed what, why, and what was before', async () => {
    const made = await create('probe', { name: 'Logged', number: 1, title: 'old' });
    await admin.patch(`/api/v1/probe/${made.id}`, { number: null, title: 'new', name: 'Logged' });
    await admin.post(`/api/v1/probe/${made.id}/take`, { number: 4 });
    await admin.delete(`/api/v1/probe/${made.id}`);

    const rows = await changes();

    const first = rows.findIndex((row) => row.entity === 'probe' && row.body?.new.name === 'Logged');
    const own = rows.filter((row) => row.entity === 'probe' && row.id === rows[first].id);
    assert.deepEqual(own.map((row) => row.version), ['1', '2', '3', '4']);
    assert.deepEqual(own[0].body.new, { name: 'Logged', number: 1, title: 'old', stage: 'open' });
    assert.deepEqual(own[1].body, { old: { number: 1, title: 'old' }, new: { number: null, title: 'new' } });
    assert.deepEqual(own[2].body, { old: { number: null, stage: 'open' }, new: { number: 4, stage: 'busy' } });
    assert.deepEqual(Object.keys(own[3].body.new), ['archived_at']);
    for (const row of own) {
      assert.match(row.actor, /^\d+$/);
      assert.equal(row.cause_kind, 'request');
      assert.match(row.generation, /^[0-9a-f]{64}$/);
      assert.match(server.logs, new RegExp(`request=${row.cause_id} method=(POST|PATCH|DELETE) path=/api/v1/probe`));
    }
    assert.equal(new Set(own.map((row) => row.txn)).size, 4);
  });

  test('names the rule that reacted, in the same transaction', async () => {
    const lead = await create('lead', { name: 'Reacted on', region: 'east', score: 90 });
    assert.equal(lead.stage, 'offered');

    const rows = await changes();

    const made = rows.find((row) => row.entity === 'lead' && row.body?.new.name === 'Reacted on');
    const offered = rows.find((row) => row.entity === 'lead' && row.id === made.id && row.version === '2');
    assert.deepEqual([made.cause_kind, offered.cause_kind, offered.cause_id, offered.actor], ['request', 'rule', 'lead.offer', null]);
    assert.equal(offered.txn, made.txn);
    assert.equal(offered.body.new.stage, 'offered');
  });

  test('has no password in it, nor has any answer', async () => {
    await create('user', { login: 'hidden.password', name: 'Hidden', password: 'never-to-be-seen' });

    const rows = await changes();

    const row = rows.find((one) => one.entity === 'user' && one.body?.new.login === 'hidden.password');
    assert.ok(!JSON.stringify(row.body).includes('argon2'));
    const [[dump]] = await ask(database(server.data), `SELECT count(*) FROM change WHERE body LIKE '%never-to-be-seen%' OR body LIKE '%argon2%'`);
    assert.equal(dump, '0');
    assert.ok(!server.logs.includes('never-to-be-seen'));
  });

  test('has no row for what was refused', async () => {
    const before_it = (await changes()).length;

    await admin.post('/api/v1/probe', { name: 'x', number: 'x' });
    await admin.post('/api/v1/user', { login: 'admin', name: 'Taken' });
    await admin.post('/api/v1/opportunity', { number: 'refused-1', stage: 'won' });

    assert.equal((await changes()).length, before_it);
  });

  test('is an unbroken chain, and a change to any part of it is found', async () => {
    const rows = await changes();
    assert.ok(rows.length > 300);

    const path = database(server.data);
    const tampered = `${path}.tampered`;
    execFileSync('sqlite3', ['-readonly', path, `VACUUM INTO '${tampered}'`]);
    const at = Math.floor(rows.length / 2);
    for (const change of [
      "body = replace(body, '\"', '''')", 'actor = 1', 'at = at + 1', "cause_id = 'other'", "entity = 'other'", 'version = version + 1', 'salt = randomblob(16)',
      "generation = 'x'", 'chain = randomblob(32)', 'body_hash = randomblob(32)', 'txn = txn + 1', 'id = id + 1',
    ]) {
      execFileSync('sqlite3', [tampered, `CREATE TABLE kept AS SELECT * FROM change WHERE pos = ${at}; UPDATE change SET ${change} WHERE pos = ${at};`]);
      await assert.rejects(verify_changes(tampered), new RegExp(`change ${at}: `), change);
      execFileSync('sqlite3', [tampered, `DELETE FROM change WHERE pos = ${at}; INSERT INTO change SELECT * FROM kept; DROP TABLE kept;`]);
    }
    assert.equal((await verify_changes(tampered)).length, rows.length);
    execFileSync('sqlite3', [tampered, `UPDATE change SET body = NULL, salt = NULL WHERE pos = ${at}`]);
    assert.equal((await verify_changes(tampered))[at - 1].body, null);
    execFileSync('sqlite3', [tampered, `DELETE FROM change WHERE pos = ${at}`]);
    await assert.rejects(verify_changes(tampered), new RegExp(`change ${at + 1}: `));
  });
});

test('after all that the server logged no fault of its own', () => {
  const faults = server.logs.split('\n').filter((line) => / error | status=5\d\d/.test(line) && !line.includes('path=/readyz'));
  assert.deepEqual(faults, []);
});
