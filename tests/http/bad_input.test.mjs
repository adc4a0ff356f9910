// tests/http/bad_input.test.mjs: whatever comes in wrong gets the right status and a problem that names what is wrong and what
// would be right; and nothing of it is kept.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { probe } from '../support/probe.mjs';
import { assert_problem, without_request } from '../support/problem.mjs';
import { connect, exchange } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { demo_password, start } from '../support/server.mjs';

const MIB = 1024 * 1024;

let root;
let server;
let admin;
let hq;
let here;
let serial = 0;

before(async () => {
  root = await make_root({ plugins: { probe } });
  server = await start({ config: root.config, cwd: root.path });
  admin = await server.log_in('admin');
  hq = await server.log_in('hq');
  const made = await admin.post('/api/v1/probe', { name: 'Here', number: 5, colour: 'red' });
  assert.equal(made.status, 201, made.text);
  here = made.body.data;
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

// A name that no other record has.
const fresh = () => `Probe ${serial += 1}`;

// Sends bytes as they are.
const raw = (method, path, bytes, headers = {}) =>
  exchange(server.url, method, path, { headers: { cookie: admin.cookie, ...headers }, body: bytes });

const post = (bytes, headers) => raw('POST', '/api/v1/probe', bytes, headers);

const count = async () => (await admin.get('/api/v1/probe/summary?count')).body.data[0].count;

describe('a body that is not good JSON', () => {
  let before_all;
  before(async () => { before_all = await count(); });

  const not_json = {
    'empty': ['', 'empty'],
    'blanks only': [' \n', 'empty'],
    'words': ['hello', 'syntax'],
    'cut off': ['{"name": "a', 'syntax'],
    'an open object': ['{"name": "a"', 'syntax'],
    'single quotes': ["{'name': 'a'}", 'syntax'],
    'a comma too many': ['{"name": "a",}', 'syntax'],
    'a comment': ['{"name": "a" /* b */}', 'syntax'],
    'NaN': ['{"number": NaN}', 'syntax'],
    'a number with a leading zero': ['{"number": 01}', 'syntax'],
    'a number with a plus': ['{"number": +1}', 'syntax'],
    'a line end in a text': ['{"name": "a\nb"}', 'syntax'],
    'an unknown escape': ['{"name": "\\x41"}', 'syntax'],
    'trailing words': ['{"name": "a"} b', 'syntax'],
    'a second object': ['{"name": "a"}{"name": "b"}', 'syntax'],
    'a trailing bracket': ['{"name": "a"}]', 'syntax'],
    'a trailing NUL': ['{"name": "a"}\0', 'nul'],
    'a number that no double holds': ['{"number": 1e999}', 'number'],
    'an integer beyond 64 bits': ['{"number": 9223372036854775808}', 'number'],
  };
  for (const [what, [bytes, code]] of Object.entries(not_json)) {
    test(`${what} is refused`, async () => {
      assert_problem(await post(bytes), 400, { code });
    });
  }

  test('a fault is told with its line and column', async () => {
    const { errors: [fault] } = assert_problem(await post('{\n  "name": "a",\n  "number": ]\n}'), 400, { code: 'syntax' });

    assert.match(fault.message, /line 3, column 1\d/);
  });

  for (const text of ['null', '1', '"a"', '[]', '[{"name": "a"}]', 'true']) {
    test(`${text} is no object`, async () => {
      assert_problem(await post(text), 400, { code: 'object', says: /JSON object is needed/ });
    });
  }

  const bad_texts = {
    'a NUL as an escape': ['{"name": "a\\u0000b"}', 'nul'],
    'a NUL as a byte': ['{"name": "a\0b"}', 'nul'],
    'a NUL in a key': ['{"na\\u0000me": "a"}', 'nul'],
    'a byte that begins nothing': [Buffer.from('{"name": "a\xffb"}', 'latin1'), 'utf8'],
    'a broken sequence': [Buffer.from('{"name": "a\xc3(b"}', 'latin1'), 'utf8'],
    'a sequence that is cut off': [Buffer.from('{"name": "a\xe5\xad"}', 'latin1'), 'utf8'],
    'an overlong sequence': [Buffer.from('{"name": "a\xc0\xafb"}', 'latin1'), 'utf8'],
    'a surrogate in UTF-8': [Buffer.from('{"name": "a\xed\xa0\x80b"}', 'latin1'), 'utf8'],
    'a character beyond Unicode': [Buffer.from('{"name": "a\xf4\x90\x80\x80b"}', 'latin1'), 'utf8'],
    'broken UTF-8 in a key': [Buffer.from('{"n\xff": "a"}', 'latin1'), 'utf8'],
    'a high surrogate alone': ['{"name": "a\\ud83db"}', null],
    'a low surrogate alone': ['{"name": "\\ude00"}', null],
    'surrogates in the wrong order': ['{"name": "\\ude00\\ud83d"}', null],
    'a high surrogate at the end': ['{"name": "\\ud83d"}', null],
  };
  for (const [what, [bytes, code]] of Object.entries(bad_texts)) {
    test(`${what} is refused`, async () => {
      assert_problem(await post(bytes), 400, code ? { code, says: /line 1, column \d+/ } : { says: /line 1, column \d+/ });
    });
  }

  const twice = {
    'a key that stands twice': '{"name": "a", "name": "b"}',
    'a key that stands twice, once escaped': '{"name": "a", "n\\u0061me": "b"}',
    'a key that stands twice further in': '{"name": "a", "price": {"amount": "1.00", "amount": "2.00", "currency": "USD"}}',
  };
  for (const [what, bytes] of Object.entries(twice)) {
    test(`${what} is refused`, async () => {
      assert_problem(await post(bytes), 400, { code: 'duplicate' });
    });
  }

  const deep = {
    '100,000 arrays': '['.repeat(100_000),
    '100,000 arrays, closed': '['.repeat(100_000) + ']'.repeat(100_000),
    '100,000 objects': '{"a":'.repeat(100_000),
    '65 levels': `{"name": ${'['.repeat(64)}${']'.repeat(64)}}`,
  };
  for (const [what, bytes] of Object.entries(deep)) {
    test(`${what} are nested too deep`, async () => {
      assert_problem(await post(bytes), 400, { code: 'depth', says: /64/ });
    });
  }

  test('64 levels are read, and then it is the type that is wrong', async () => {
    assert_problem(await post(`{"name": ${'['.repeat(63)}${']'.repeat(63)}}`), 422, { field: 'name', code: 'text' });
  });

  test('100,001 values are too many', async () => {
    assert_problem(await post(`{"name": [${'0,'.repeat(99_999)}0]}`), 400, { code: 'nodes', says: /100,000/ });
  });

  test('nothing of all that was kept', async () => {
    assert.equal(await count(), before_all);
  });

  test('the same faults are refused in PATCH, in a move, in an action and at the log-in', async () => {
    const paths = [
      ['PATCH', `/api/v1/probe/${here.id}`], ['POST', `/api/v1/probe/${here.id}/take`], ['POST', `/api/v1/probe/${here.id}/double`],
      ['POST', '/api/v1/session'],
    ];
    for (const [method, path] of paths) {
      assert_problem(await raw(method, path, '{"a": '), 400, { code: 'syntax' });
      assert_problem(await raw(method, path, '{"a": "\\u0000"}'), 400, { code: 'nul' });
      assert_problem(await raw(method, path, '['.repeat(100_000)), 400, { code: 'depth' });
      assert_problem(await raw(method, path, '[]'), 400, { code: 'object' });
    }
    assert.equal((await admin.get(`/api/v1/probe/${here.id}`)).body.data.version, 1);
  });
});

describe('a body that is too large', () => {
  test('one byte more than 4 MiB is refused before it has come', async () => {
    const wire = await connect(server.url);
    wire.send(`POST /api/v1/probe HTTP/1.1\r\nHost: x\r\nCookie: ${admin.cookie}\r\nContent-Length: ${4 * MIB + 1}\r\n\r\n`);

    const answer = await wire.answer();

    assert_problem(answer, 413, { says: /./ });
    assert.equal(answer.headers.connection, 'close');
    wire.drop();
  });

  test('one byte more than 4 MiB in chunks is refused', async () => {
    const wire = await connect(server.url);
    wire.send(`POST /api/v1/probe HTTP/1.1\r\nHost: x\r\nCookie: ${admin.cookie}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let sent = 0; sent < 4 * MIB; sent += MIB) wire.send(`${MIB.toString(16)}\r\n${' '.repeat(MIB)}\r\n`);
    wire.send('1\r\n \r\n0\r\n\r\n');

    assert_problem(await wire.answer(), 413);
    wire.drop();
  });

  test('4 MiB are taken', async () => {
    const body = JSON.stringify({ name: fresh() });

    const answer = await post(body + ' '.repeat(4 * MIB - body.length));

    assert.equal(answer.status, 201, answer.text);
  });
});

describe('a value of the wrong type', () => {
  const wrong = {
    name: [[1, 'text'], [true, 'text'], [{}, 'text'], [[], 'text'], ['', 'required'], [null, 'required'],
      ['a\tb', 'line'], ['a\nb', 'line'], ['a\x7fb', 'line']],
    title: [['12345678901', 'too_long'], ['一二三四五六七八九十一', 'too_long'], [12, 'text']],
    note: [[5, 'text'], [['a'], 'text']],
    mail: [['a', 'email'], ['a@b', 'email'], ['a b@c.de', 'email'], ['@c.de', 'email'], ['a@b@c.de', 'email'], [1, 'text']],
    call: [['x', 'phone'], ['+', 'phone'], ['0049 89 x', 'phone'], ['1'.repeat(41), 'too_long'], [49891234, 'text']],
    site: [['example.com', 'url'], ['javascript:alert(1)', 'url'], ['ftp://example.com', 'url'], ['http://a b', 'url'], [1, 'text']],
    number: [['5', 'integer'], [1.5, 'integer'], [true, 'integer'], [{}, 'integer'], [1001, 'max'], [-1001, 'min']],
    large: [[2 ** 53, 'integer'], [-(2 ** 53), 'integer'], [1e300, 'integer']],
    rate: [[1.5, 'decimal'], ['1.2345', 'decimal'], ['1,5', 'decimal'], ['', 'decimal'], ['1e3', 'decimal'], ['x', 'decimal'],
      [' 1', 'decimal'], ['9223372036854775.808', 'overflow'], [true, 'decimal']],
    price: [[12.5, 'money'], ['12.50', 'money'], [{ amount: '1.00' }, 'money'], [{ currency: 'USD' }, 'money'], [{}, 'money'],
      [{ amount: 1, currency: 'USD' }, 'money'], [{ amount: '1.00', currency: 'usd' }, 'money'], [[], 'money'],
      [{ amount: '1.00', currency: 'USD', more: 1 }, 'money'], [{ amount: '1.005', currency: 'USD' }, 'decimal'],
      [{ amount: 'x', currency: 'USD' }, 'money'], [{ amount: '92233720368547758.08', currency: 'USD' }, 'overflow'],
      [{ amount: '1.00', currency: 'EUR' }, 'currency']],
    fee: [[{ amount: '-0.01', currency: 'USD' }, 'min']],
    flag: [[1, 'boolean'], ['true', 'boolean'], [{}, 'boolean']],
    day: [['2026-02-29', 'date'], ['2026-13-01', 'date'], ['2026-1-1', 'date'], ['2026-01-01T00:00:00Z', 'date'], [20260101, 'date'],
      ['today', 'date'], ['', 'date']],
    moment: [['2026-01-01', 'timestamp'], ['2026-01-01T00:00:00', 'timestamp'], ['2026-01-01T25:00:00Z', 'timestamp'],
      ['yesterday', 'timestamp'], [1767225600000, 'timestamp']],
    colour: [['yellow', 'choice'], ['Red', 'choice'], [1, 'choice'], ['', 'choice']],
    customer: [['x', 'reference'], [1, 'reference'], [{}, 'reference'], [[], 'reference'], ['', 'reference'],
      ['0000000000000', 'reference'], [{ id: 5 }, 'reference']],
    key: [['short', 'password'], ['x'.repeat(201), 'password'], [12345678, 'password'], [{ hash: '$argon2id$x' }, 'password']],
    stage: [['nowhere', 'choice'], [1, 'choice']],
    computed: [[1, 'read_only']],
    id: [['x', 'read_only']], version: [[3, 'read_only']], created_at: [['2026-01-01T00:00:00Z', 'read_only']],
    changed_at: [['2026-01-01T00:00:00Z', 'read_only']], archived_at: [['2026-01-01T00:00:00Z', 'read_only']],
    nonsense: [[1, 'unknown'], [null, 'unknown']],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const [value, code] of values) {
      const shown = JSON.stringify(value).slice(0, 60);
      test(`${field} = ${shown} is refused as ${code}`, async () => {
        const made = await admin.post('/api/v1/probe', { name: fresh(), [field]: value });

        assert_problem(made, 422, { field, code });
        assert.equal(made.body.errors.length, 1, made.text);
        if (field === 'stage') return; // by PATCH, see below
        const changed = await admin.patch(`/api/v1/probe/${here.id}`, { [field]: value });
        assert_problem(changed, 422, { field, code });
      });
    }
  }

  test('the message says what would be right', async () => {
    const cases = {
      number: [1001, /1000/], colour: ['yellow', /red, green, blue/], day: ['x', /2026-11-23/], moment: ['x', /2026-11-23T08:00:00Z/],
      price: [5, /"amount": "12.50", "currency": "USD"/], rate: [5, /3 digits/], title: ['x'.repeat(12), /at most 10 characters; this has 12/],
      flag: [1, /true or false/], site: ['x', /https:\/\//], nonsense: [1, /name, title, code/], key: ['x', /8 to 200/],
      large: [0.5, /9007199254740991/],
    };
    for (const [field, [value, says]] of Object.entries(cases)) {
      assert_problem(await admin.post('/api/v1/probe', { name: fresh(), [field]: value }), 422, { field, says });
    }
  });

  test('what is just within the limits is taken', async () => {
    const good = {
      name: '字'.repeat(40), title: '😀'.repeat(10), number: -1000, large: 9007199254740991, rate: '-9223372036854775.807',
      price: { amount: '92233720368547758.07', currency: 'USD' }, fee: { amount: '0.00', currency: 'USD' }, day: '2024-02-29',
      call: '+49 (89) 1-2.3', moment: '2026-01-01T01:00:00+01:00', note: 'a\tb\nc', key: '12345678',
    };

    const { status, body, text } = await admin.post('/api/v1/probe', good);

    assert.equal(status, 201, text);
    const { key, moment, ...rest } = good;
    for (const [field, value] of Object.entries(rest)) assert.deepEqual(body.data[field], value, field);
    assert.equal(body.data.moment, '2026-01-01T00:00:00.000Z');
    assert.ok(!('key' in body.data));
  });

  test('integers may be written like 5.0', async () => {
    const answer = await post(`{"name": "${fresh()}", "number": 5.0, "large": 1e3}`);

    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual([answer.body.data.number, answer.body.data.large], [5, 1000]);
  });
});

describe('several faults', () => {
  const many = {
    name: 5, title: 'x'.repeat(11), number: 1.5, price: 3, flag: 'yes', day: 'x', moment: 'x', colour: 'x', customer: 'x', nonsense: 1,
    mail: 'x', call: 'x', site: 'x', rate: 1, large: '1', computed: 1, id: 'x', stage: 'x',
  };

  test('are all told at once', async () => {
    const { body } = await admin.post('/api/v1/probe', many);

    assert.equal(body.status, 422);
    assert.deepEqual(body.errors.map((one) => one.field).sort(), Object.keys(many).sort());
  });

  test('are all told with a missing required field among them', async () => {
    const { body } = await admin.post('/api/v1/probe', { number: 'x', colour: 'x' });

    assert.deepEqual(body.errors.map((one) => [one.field, one.code]).sort(), [['colour', 'choice'], ['name', 'required'], ['number', 'integer']]);
  });

  test('are all told with a bad password among them', async () => {
    const { body } = await admin.post('/api/v1/user', { name: 5, password: 'short', nonsense: 1 });

    assert.equal(body.status, 422);
    assert.deepEqual(body.errors.map((one) => one.field).sort(), ['login', 'name', 'nonsense', 'password']);
  });

  test('of a PATCH are all told, and nothing is changed', async () => {
    const answer = await admin.patch(`/api/v1/probe/${here.id}`, { number: 7, title: 5, colour: 'x' });

    assert_problem(answer, 422);
    assert.deepEqual(answer.body.errors.map((one) => one.field).sort(), ['colour', 'title']);
    assert.equal((await admin.get(`/api/v1/probe/${here.id}`)).body.data.number, 5);
  });
});

describe('a value that is taken', () => {
  test('a second user with the same login is refused by the name of the field', async () => {
    const first = await admin.post('/api/v1/user', { login: 'twice.over', name: 'First' });
    assert.equal(first.status, 201, first.text);

    assert_problem(await admin.post('/api/v1/user', { login: 'twice.over', name: 'Second' }), 409, { field: 'login', code: 'not_unique' });
    assert_problem(await admin.post('/api/v1/user', { login: 'Twice.OVER', name: 'Second' }), 409, { field: 'login', says: /User/ });
  });

  test('a PATCH to a taken login is refused', async () => {
    const { body: { data: user } } = await admin.post('/api/v1/user', { login: 'once.only', name: 'Once' });

    assert_problem(await admin.patch(`/api/v1/user/${user.id}`, { login: 'admin' }), 409, { field: 'login' });
    assert.equal((await admin.get(`/api/v1/user/${user.id}`)).body.data.login, 'once.only');
  });

  test('of two who ask for one name at once, one gets it', async () => {
    const name = fresh();

    const answers = await Promise.all(Array.from({ length: 8 }, () => admin.post('/api/v1/probe', { name })));

    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_problem(answers.find(({ status }) => status === 409), 409, { field: 'name' });
  });
});

describe('a question', () => {
  const bad = {
    'sort=nonsense': ['sort', /nonsense.*number/], 'sort=': ['sort'], 'sort=-': ['sort'], 'sort=--name': ['sort'], 'sort=key': ['sort'],
    'sort=name,name': ['sort'], 'sort=name,-name': ['sort'], 'sort=name,,number': ['sort'], 'sort=Name': ['sort'],
    'sort=name,number,title,day,moment': ['sort', /4/], 'sort=name;DROP': ['sort'], 'sort=customer.name': ['sort'],
    'nonsense=1': ['nonsense', /nonsense.*colour/], 'page=2': ['page'], 'offset=5': ['offset'], 'Name=x': ['Name'], 'key=x': ['key'],
    'computed.sum=1': ['computed.sum'], '=1': [''],
    'number.like=1': ['number.like', /number.ge/], 'number.has=1': ['number.has'], 'colour.gt=red': ['colour.gt', /colour.in/],
    'flag.lt=true': ['flag.lt'], 'customer.ge=x': ['customer.ge'], 'name.x.y=1': ['name.x.y'], 'name.=1': ['name.'],
    'number.GE=1': ['number.GE'], 'number.eq=1': ['number.eq'],
    'number=x': ['number', /whole number/], 'number=': ['number'], 'number=1.5': ['number'], 'number=1e2': ['number'],
    'number=99999999999999999999': ['number'], 'number.in=1,x': ['number.in'], 'large=0x10': ['large'],
    'rate=x': ['rate'], 'rate=1.2345': ['rate'], 'price=x': ['price'], 'price=1.005': ['price'], 'flag=1': ['flag', /true or false/],
    'day=yesterday': ['day', /2026-11-23/], 'day.ge=2026-02-30': ['day.ge'], 'moment.lt=2026': ['moment.lt'],
    'colour=yellow': ['colour', /red, green, blue/], 'customer=x': ['customer'], 'stage=x': ['stage', /open, busy, shut/],
    'number.null=maybe': ['number.null', /true or false/], 'number.null=': ['number.null'], 'id=x': ['id'], 'version=x': ['version'],
    'limit=0': ['limit', /1 to 200/], 'limit=201': ['limit'], 'limit=-1': ['limit'], 'limit=': ['limit'], 'limit=x': ['limit'],
    'limit=1.5': ['limit'], 'limit=1e1': ['limit'], 'limit=99999999999999999999': ['limit'],
    'limit=5&limit=6': ['limit', /twice/], 'number=1&number=2': ['number', /twice/],
    'fields=nonsense': ['fields', /nonsense.*name/], 'fields=': ['fields'], 'fields=name,key': ['fields'], 'fields=name,,number': ['fields'],
    'expand=nonsense': ['expand', /customer/], 'expand=name': ['expand'], 'expand=': ['expand'], 'expand=customer.parent': ['expand'],
    'name=%00': ['name'], 'name=%ff': ['name'], 'name=%zz': ['name'], 'name=%e5%ad': ['name'], 'name=%': ['name'], '%ff=1': [undefined],
    'cursor=': ['cursor'], 'cursor=x': ['cursor', /start again/], [`cursor=${'A'.repeat(200)}`]: ['cursor'], 'cursor=%00': ['cursor'],
    'q=words': ['q'], 'by=colour': ['by'], 'count': ['count'],
    [`number.in=${Array.from({ length: 201 }, (_, i) => i)}`]: ['number.in', /200/],
    [Array.from({ length: 51 }, (_, i) => `f${i}=1`).join('&')]: [undefined, /50/],
  };
  for (const [query, [field, says]] of Object.entries(bad)) {
    test(`?${query.slice(0, 60)} is refused`, async () => {
      assert_problem(await admin.get(`/api/v1/probe?${query}`), 400, { field, says });
    });
  }

  const bad_sums = {
    'by=nonsense': 'by', 'by=': 'by', 'by=customer.nonsense': 'by', 'by=name.x': 'by', 'by=key': 'by', 'by=customer.parent.name': 'by',
    'by=name,number,title,day,moment': 'by', 'sum=name': 'sum', 'sum=nonsense': 'sum', 'sum=': 'sum', 'sum=version': 'sum',
    'sort=name': 'sort', 'limit=5': 'limit', 'fields=name': 'fields', 'nonsense=1': 'nonsense', 'number.like=1': 'number.like',
    'by=customer.': 'by', 'by=.name': 'by', 'by=customer..name': 'by', 'by=colour,colour': 'by', 'by=customer.name,customer.name': 'by',
    'sum=number,number': 'sum', [`sum=${Array(1100).fill('price').join(',')}`]: 'sum',
    'count=false': 'count', 'count=0': 'count', 'count=yes': 'count', 'count=true,true': 'count',
  };
  for (const [query, field] of Object.entries(bad_sums)) {
    test(`summary?${query.slice(0, 60)} is refused`, async () => {
      assert_problem(await admin.get(`/api/v1/probe/summary?${query}`), 400, { field });
    });
  }

  test('of one record takes fields and expand and nothing else', async () => {
    const path = `/api/v1/probe/${here.id}`;

    assert_problem(await admin.get(`${path}?nonsense=1`), 400, { field: 'nonsense', says: /fields, expand/ });
    assert_problem(await admin.get(`${path}?limit=1`), 400, { field: 'limit' });
    assert_problem(await admin.get(`${path}?fields=nonsense`), 400, { field: 'fields' });
    assert_problem(await admin.patch(`${path}?nonsense=1`, { title: 'x' }), 400, { field: 'nonsense' });
    assert_problem(await admin.delete(`${path}?nonsense=1`), 400, { field: 'nonsense' });
    assert_problem(await admin.post(`${path}/take?nonsense=1`, {}), 400, { field: 'nonsense' });
    assert_problem(await admin.post('/api/v1/probe?nonsense=1', { name: fresh() }), 400, { field: 'nonsense' });
    assert_problem(await admin.post('/api/v1/probe?fields=nonsense', { name: fresh() }), 400, { field: 'fields' });
    assert.equal((await admin.get(path)).body.data.version, 1);
  });

  test('of decisions and of the session takes nothing', async () => {
    const session = '/api/v1/session';

    for (const answer of [
      await admin.get(`/api/v1/probe/${here.id}/decisions?nonsense=1`), await admin.get(`/api/v1/probe/${here.id}/decisions?limit=1`),
      await admin.get(`${session}?x=1`), await admin.delete(`${session}?x=1`),
      await server.nobody.post(`${session}?x=1`, { login: 'admin', password: demo_password }),
    ]) assert_problem(answer, 400, { code: 'none', says: /none is taken here/ });
    assert.equal((await admin.get(session)).status, 200);
  });

  test('about a field that is hidden is as one about a field that is not there', async () => {
    for (const query of ['F=x', 'F.null=true', 'sort=F', 'fields=F', 'sum=F', 'by=F']) {
      const path = query.startsWith('sum') || query.startsWith('by') ? '/api/v1/probe/summary' : '/api/v1/probe';
      const hidden = await hq.get(`${path}?${query.replace('F', 'secret_note')}`);
      const missing = await hq.get(`${path}?${query.replace('F', 'missing_note')}`);

      assert_problem(hidden, 400);
      assert.equal(JSON.stringify(without_request(hidden)).replaceAll('secret', 'missing'), JSON.stringify(without_request(missing)));
    }
  });
});

describe('a cursor', () => {
  const list = '/api/v1/opportunity?limit=5&sort=amount';
  let cursor;
  beforeEach(async () => { cursor = (await admin.get(list)).body.next; });

  test('is refused when any of it was changed', async () => {
    for (let at = 0; at < cursor.length; at += Math.ceil(cursor.length / 40)) {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      const changed = cursor.slice(0, at) + other + cursor.slice(at + 1);
      assert_problem(await admin.get(`${list}&cursor=${changed}`), 400, { field: 'cursor', says: /start again/ });
    }
  });

  test('is refused when something is missing or was added', async () => {
    for (const changed of [cursor.slice(0, -1), cursor.slice(1), cursor.slice(0, -4), `${cursor}A`, `A${cursor}`, `${cursor}=`, `${cursor}.`, cursor + cursor]) {
      assert_problem(await admin.get(`${list}&cursor=${encodeURIComponent(changed)}`), 400, { field: 'cursor' });
    }
  });

  test('of another list is refused', async () => {
    for (const other of [
      '/api/v1/opportunity?limit=5', '/api/v1/opportunity?limit=5&sort=-amount', '/api/v1/opportunity?limit=5&sort=amount,number',
      '/api/v1/opportunity?limit=5&sort=amount&stage=won', '/api/v1/opportunity?limit=5&sort=amount&stage.ne=won',
      '/api/v1/probe?limit=5&sort=price', '/api/v1/customer?limit=5&sort=revenue',
    ]) {
      assert_problem(await admin.get(`${other}&cursor=${cursor}`), 400, { field: 'cursor' });
    }
  });

  test('of another person is refused', async () => {
    assert_problem(await hq.get(`${list}&cursor=${cursor}`), 400, { field: 'cursor' });
  });

  test('holds for another limit and other fields of the same list', async () => {
    assert.equal((await admin.get(`/api/v1/opportunity?limit=9&sort=amount&fields=number&cursor=${cursor}`)).status, 200);
  });
});

describe('who asks', () => {
  test('nobody is told to sign in, whatever the address below /api', async () => {
    const answers = await Promise.all(['/api/v1/lead', '/api/v1/nonsense', '/api/v1/lead/x', '/api/nonsense', '/api', '/api/v1/session']
      .map((path) => server.nobody.get(path)));

    for (const answer of answers) {
      assert_problem(answer, 401);
      assert.match(answer.headers.get('www-authenticate'), /^Bearer/);
      assert.deepEqual(without_request(answer), without_request(answers[0]));
    }
  });

  test('a wrong token gets 401 and a challenge', async () => {
    for (const value of ['Bearer nonsense', `Bearer tm_${'A'.repeat(43)}`, 'Bearer', 'Bearer ', 'Basic YWRtaW46eA==', 'nonsense', 'Bearer a b']) {
      const answer = await server.nobody.request('GET', '/api/v1/lead', undefined, { authorization: value });

      assert_problem(answer, 401);
      assert.match(answer.headers.get('www-authenticate'), /^Bearer error="invalid_token"/);
    }
  });

  test('a wrong token is not made good by a good cookie', async () => {
    assert_problem(await admin.request('GET', '/api/v1/lead', undefined, { authorization: 'Bearer nonsense' }), 401);
  });

  test('a wrong cookie gets 401', async () => {
    const [name, value] = admin.cookie.split('=');
    for (const wrong of ['nonsense', '', value.slice(0, -1), `${value}A`, value.toUpperCase(), 'x'.repeat(5000)]) {
      assert_problem(await server.nobody.request('GET', '/api/v1/lead', undefined, { cookie: `${name}=${wrong}` }), 401);
    }
  });

  test('a wrong password and an unknown login cannot be told apart', async () => {
    const log_in = (login, password) => server.nobody.post('/api/v1/session', { login, password });

    const [wrong, unknown] = [await log_in('admin', 'wrong-password'), await log_in('nobody.known', 'wrong-password')];

    assert_problem(wrong, 401);
    assert.deepEqual(without_request(wrong), without_request(unknown));
    assert.equal(wrong.headers.get('set-cookie'), null);
  });

  test('a log-in names what is missing or wrong', async () => {
    const log_in = (body) => server.nobody.post('/api/v1/session', body);

    const empty = await log_in({});
    assert_problem(empty, 422, { field: 'login', code: 'required' });
    assert_problem(empty, 422, { field: 'password', code: 'required' });
    assert_problem(await log_in({ login: 5, password: ['x'] }), 422, { field: 'password', code: 'text' });
    assert_problem(await log_in({ login: 'admin', password: 'x', otp: '1' }), 422, { field: 'otp', code: 'unknown' });
    const many = await log_in(Object.fromEntries(Array.from({ length: 99_000 }, (_, i) => [`n${i}`, i])));
    assert_problem(many, 422, { field: 'n0', code: 'unknown' });
    assert.equal(many.body.errors.filter(({ code }) => code === 'unknown').length, 21);
    assert.equal(many.text.match(/login, password/g).length, 1);
    assert.match(many.body.errors.at(-1).message, /lacks 98980 more/);
    assert_problem(await log_in({ login: "' OR 1=1 --", password: "' OR 1=1 --" }), 401);
    assert_problem(await log_in({ login: 'x'.repeat(100_000), password: 'x'.repeat(100_000) }), 401);
  });
});

describe('an address', () => {
  const methods = [['GET', ''], ['PATCH', ''], ['DELETE', ''], ['POST', '/take'], ['POST', '/double'], ['GET', '/decisions']];

  test('with an id that cannot be one is as one with an id that nobody has', async () => {
    const { body: { data: lead } } = await admin.post('/api/v1/lead', { name: 'An id of another entity' });
    const ids = ['x', '0', '1', '-1', '9223372036854775807', 'A'.repeat(13), '0'.repeat(13), 'z'.repeat(13), 'z'.repeat(5000), '..', '%2e%2e', '%2F', '%00', '%ff',
      'null', '*', '{id}', here.id.slice(1), `${here.id}0`, here.id.toUpperCase(), `${here.id}%20`, lead.id];

    for (const [method, end] of methods) {
      const body = method === 'POST' || method === 'PATCH' ? '{}' : undefined;
      const answers = await Promise.all(ids.map((id) => raw(method, `/api/v1/probe/${id}${end}`, body)));

      answers.forEach((answer, i) => {
        assert_problem(answer, 404);
        assert.deepEqual(without_request(answer), without_request(answers[0]), ids[i]);
      });
    }
  });

  test('that is unknown gets 404', async () => {
    for (const path of ['/api/v1/nonsense', '/api/v1/probe/', '/api/v1/probe//', '/api/v1/Probe', '/api/v2/probe', '/api/v1', '/nonsense', '/index.html',
      '/api/v1/probe/%', `/api/v1/probe/${here.id}/nonsense`, `/api/v1/probe/${here.id}/take/x`, '/..%2f..%2fetc/passwd', '//', '/api//v1/probe']) {
      assert_problem(await exchange(server.url, 'GET', path, { headers: { cookie: admin.cookie } }), 404);
    }
    assert_problem(await admin.post(`/api/v1/probe/${here.id}/nonsense`, {}), 404);
  });

  test('of a core table or a reserved name is unknown', async () => {
    for (const name of ['change', 'tenant', 'catalogue', 'decision', 'token', 'assignment', 'sqlite_schema']) {
      assert_problem(await admin.get(`/api/v1/${name}`), 404);
    }
  });

  test('with another method than it has gets 405 and those that it has', async () => {
    const cases = [
      ['PUT', '/api/v1/probe', 'GET, HEAD, POST'], ['DELETE', '/api/v1/probe', 'GET, HEAD, POST'], ['PATCH', '/api/v1/probe', 'GET, HEAD, POST'],
      ['PUT', `/api/v1/probe/${here.id}`, 'DELETE, GET, HEAD, PATCH'], ['POST', `/api/v1/probe/${here.id}`, 'DELETE, GET, HEAD, PATCH'],
      ['POST', '/api/v1/probe/summary', 'GET, HEAD'], ['GET', `/api/v1/probe/${here.id}/take`, 'POST'],
      ['PUT', '/api/v1/session', 'DELETE, GET, HEAD, POST'], ['OPTIONS', '/api/v1/probe', 'GET, HEAD, POST'],
    ];
    for (const [method, path, allowed] of cases) {
      const answer = await raw(method, path, method === 'GET' ? undefined : '{}');

      assert_problem(answer, 405, { says: new RegExp(allowed) });
      assert.equal(answer.headers.allow, allowed);
    }
  });

  test('of a page answers only GET and HEAD', async () => {
    const answer = await server.nobody.request('POST', '/', {});

    assert_problem(answer, 405);
    assert.equal(answer.headers.get('allow'), 'GET, HEAD');
  });
});

describe('the kind of a body', () => {
  const send = (type) => raw('POST', '/api/v1/probe', JSON.stringify({ name: fresh() }), { 'content-type': type });

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json', 'application/jsonp', 'application/xml',
    'nonsense', 'application/ json', 'x-application/json']) {
    test(`${type} gets 415`, async () => {
      assert_problem(await send(type), 415, { says: /application\/json/ });
    });
  }

  for (const type of ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/merge-patch+json', '']) {
    test(`${type || 'no type'} is read as JSON`, async () => {
      const answer = await send(type);
      assert.equal(answer.status, 201, answer.text);
    });
  }

  test('is looked at before the body', async () => {
    assert_problem(await raw('POST', '/api/v1/probe', '{', { 'content-type': 'text/plain' }), 415);
    assert_problem(await raw('PATCH', `/api/v1/probe/${here.id}`, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
    assert_problem(await raw('POST', '/api/v1/session', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
  });
});

describe('a state', () => {
  const make = async (fields = {}) => (await admin.post('/api/v1/probe', { name: fresh(), ...fields })).body.data.id;

  test('does not change by PATCH', async () => {
    const id = await make();

    assert_problem(await admin.patch(`/api/v1/probe/${id}`, { stage: 'busy' }), 422, { field: 'stage', code: 'state', says: /shut, take/ });
    assert_problem(await admin.patch(`/api/v1/probe/${id}`, { stage: null }), 422, { field: 'stage' });
    assert_problem(await admin.patch(`/api/v1/probe/${id}`, { stage: 'nowhere' }), 422, { field: 'stage' });
    assert.equal((await admin.get(`/api/v1/probe/${id}`)).body.data.stage, 'open');
  });

  test('is left by a move only from where the move begins', async () => {
    const id = await make({ stage: 'busy' });

    assert_problem(await admin.post(`/api/v1/probe/${id}/take`), 409, { says: /is possible from Open, not from Busy/ });
  });

  test('a move takes only what it sets, and checks it', async () => {
    const id = await make();

    const answer = await admin.post(`/api/v1/probe/${id}/take`, { number: 1, title: 'x', nonsense: 2 });
    assert_problem(answer, 422, { field: 'title', code: 'not_in_move', says: /number, mail/ });
    assert_problem(answer, 422, { field: 'nonsense', code: 'not_in_move' });
    const wrong = await admin.post(`/api/v1/probe/${id}/take`, { number: 'x', mail: 'x' });
    assert_problem(wrong, 422, { field: 'number', code: 'integer' });
    assert_problem(wrong, 422, { field: 'mail', code: 'email' });
    assert.equal((await admin.get(`/api/v1/probe/${id}`)).body.data.version, 1);
  });

  test('of an archived record moves no more, nor does anything else change', async () => {
    const id = await make();
    assert.equal((await admin.delete(`/api/v1/probe/${id}`)).status, 200);

    assert_problem(await admin.post(`/api/v1/probe/${id}/take`), 409, { says: /archived/ });
    assert_problem(await admin.patch(`/api/v1/probe/${id}`, { title: 'x' }), 409, { says: /archived/ });
    assert_problem(await admin.delete(`/api/v1/probe/${id}`), 409, { says: /archived/ });
  });
});

describe('a reference', () => {
  test('to a record that was never there, or of another entity, is unknown', async () => {
    const { body: { data: [customer] } } = await admin.get('/api/v1/customer?limit=1');

    const good = await admin.post('/api/v1/probe', { name: fresh(), customer: customer.id });
    const other = await admin.post('/api/v1/probe', { name: fresh(), customer: here.id });
    const missing = await admin.post('/api/v1/probe', { name: fresh(), customer: '0'.repeat(customer.id.length) });

    assert.equal(good.status, 201, good.text);
    assert_problem(other, 422, { field: 'customer', code: 'reference', says: /no such Customer/i });
    assert.deepEqual(without_request(other), without_request(missing));
  });

  test('to a record that is not to be seen is as unknown', async () => {
    const anna = await server.log_in('anna.snelling');
    const unseen = await anna.post('/api/v1/opportunity', { number: 'bad-ref-1', customer: here.id });
    const missing = await anna.post('/api/v1/opportunity', { number: 'bad-ref-1', customer: 'x' });

    assert_problem(unseen, 422, { field: 'customer' });
    assert.deepEqual(without_request(unseen), without_request(missing));
  });
});

describe('the language of a problem', () => {
  const ask = (language, path = '/api/v1/probe?sort=nonsense') => admin.request('GET', path, undefined, { 'accept-language': language });

  test('is Chinese for whoever prefers it', async () => {
    for (const language of ['zh', 'zh-CN', 'ZH-Hans', 'zh-CN,zh;q=0.9,en;q=0.8', 'en;q=0.5, zh;q=0.9', 'de, zh;q=0.4']) {
      const answer = await ask(language);

      const fault = assert_problem(answer, 400, { field: 'sort' });
      assert.equal(answer.headers.get('content-language'), 'zh', language);
      assert.equal(answer.body.title, '请求无法识别');
      assert.match(fault.message, /不能按 nonsense 排序/);
    }
  });

  test('is English for everybody else', async () => {
    for (const language of ['en', 'de', '*', 'zh;q=0.3, en;q=0.8', 'zh;q=0', '', ';;;q=', 'x'.repeat(2000)]) {
      const answer = await ask(language);

      assert_problem(answer, 400, { field: 'sort', says: /cannot sort by nonsense/ });
      assert.equal(answer.headers.get('content-language'), 'en', language);
    }
  });

  test('holds for faults of a body, for rules, moves and references alike', async () => {
    const chinese = { 'accept-language': 'zh' };
    const answers = [
      await admin.request('POST', '/api/v1/probe', { number: 'x' }, chinese), await admin.request('POST', '/api/v1/probe', '{', chinese),
      await admin.request('GET', '/api/v1/probe/x', undefined, chinese), await server.nobody.request('GET', '/api/v1/probe', undefined, chinese),
      await admin.request('PUT', '/api/v1/probe', {}, chinese), await admin.request('POST', '/api/v1/probe', { name: 'Here' }, chinese),
      await admin.request('POST', '/api/v1/opportunity', { number: 'bad-1', stage: 'won' }, chinese),
      await admin.request('POST', `/api/v1/probe/${here.id}/double`, { times: 'x' }, chinese),
    ];

    assert.deepEqual(answers.map(({ status }) => status), [422, 400, 404, 401, 405, 409, 422, 422]);
    for (const { body } of answers) {
      for (const words of [body.title, ...(body.errors ?? []).map((one) => one.message)]) assert.match(words, /\p{Script=Han}/u);
    }
  });
});

test('after all that the server serves, and logged no fault of its own', async () => {
  assert.equal((await admin.get('/api/v1/probe')).status, 200);
  const faults = server.logs.split('\n').filter((line) => / error | status=5\d\d/.test(line) && !line.includes('path=/readyz'));
  assert.deepEqual(faults, []);
});
