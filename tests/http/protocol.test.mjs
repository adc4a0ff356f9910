// tests/http/protocol.test.mjs: HTTP/1.1 as it goes over the wire (RFC 9110, RFC 9112), with requests written by hand.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { assert_problem } from '../support/problem.mjs';
import { connect } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { root as repository, start } from '../support/server.mjs';

let root;
let server;
let admin;

before(async () => {
  root = await make_root({ rows: 5 });
  server = await start({ config: root.config, cwd: root.path });
  admin = await server.log_in('admin');
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

const open = () => connect(server.url);
const lines = (...parts) => `${parts.join('\r\n')}\r\n\r\n`;
const get = (path, ...headers) => lines(`GET ${path} HTTP/1.1`, 'Host: x', `Cookie: ${admin.cookie}`, ...headers);
const post = (path, body, ...headers) => lines(`POST ${path} HTTP/1.1`, 'Host: x', `Cookie: ${admin.cookie}`,
  ...(body === null ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]), ...headers) + (body ?? '');
const contact = (name) => JSON.stringify({ name });

const count_of = async (name) => (await admin.get(`/api/v1/contact/summary?count&name=${encodeURIComponent(name)}`)).body.data[0].count;

describe('a connection', () => {
  test('serves one request after another until the client has enough', async () => {
    const wire = await open();

    for (let i = 0; i < 20; i += 1) {
      const answer = await wire.send(get('/healthz')).answer();
      assert.deepEqual([answer.status, answer.text, answer.headers.connection], [200, 'ok\n', undefined]);
      assert.match(answer.headers.date, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    }
    await wire.finish().closed();
  });

  test('stays open after problems that do not concern it', async () => {
    const wire = await open();

    for (const [request, status] of [
      [get('/api/v1/nonsense'), 404], [post('/api/v1/contact', '{'), 400], [post('/api/v1/contact', '{"name":5}'), 422],
      [lines('GET /api/v1/contact HTTP/1.1', 'Host: x'), 401], [lines('PUT /api/v1/contact HTTP/1.1', 'Host: x', `Cookie: ${admin.cookie}`), 405],
      [get('/api/v1/contact?sort=x'), 400], [get('/healthz'), 200],
    ]) {
      const answer = await wire.send(request).answer();
      assert.deepEqual([answer.status, answer.headers.connection], [status, undefined]);
    }
    wire.drop();
  });

  test('ends when the client says so, after the answer', async () => {
    for (const header of ['Connection: close', 'connection: Close', 'Connection: keep-alive, close', 'Connection: x, close']) {
      const wire = await open();
      const answer = await wire.send(get('/healthz', header) + get('/healthz')).answer();
      assert.deepEqual([answer.status, answer.headers.connection], [200, 'close']);
      await wire.closed();
    }
  });

  test('of HTTP/1.0 ends unless the client asks to stay', async () => {
    const wire = await open();
    assert.equal((await wire.send(lines('GET /healthz HTTP/1.0')).answer()).headers.connection, 'close');
    await wire.closed();

    const other = await open();
    assert.equal((await other.send(lines('GET /healthz HTTP/1.0', 'Connection: keep-alive')).answer()).headers.connection, 'keep-alive');
    assert.equal((await other.send(lines('GET /healthz HTTP/1.0')).answer()).status, 200);
    await other.closed();
  });

  test('takes a request in single bytes', async () => {
    const wire = await open();
    for (const byte of post('/api/v1/contact', contact('Byte by byte'))) {
      wire.send(byte);
      await new Promise(setImmediate);
    }

    const answer = await wire.answer();

    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.body.data.name, 'Byte by byte');
    wire.drop();
  });

  test('that ends inside a request has asked for nothing', async () => {
    const whole = post('/api/v1/contact', contact('Cut off'));
    for (const cut of [10, 40, whole.length - 20, whole.length - 1]) {
      const wire = await open();
      wire.send(whole.slice(0, cut)).finish();
      assert_problem(await wire.answer(), 400);
      await wire.closed();
    }

    assert.equal(await count_of('Cut off'), 0);
  });

  test('that is given up before the answer has its request done once', async () => {
    for (let i = 0; i < 10; i += 1) {
      const wire = await open();
      wire.send(post('/api/v1/contact', contact('Given up')));
      await new Promise((later) => setTimeout(later, 20));
      wire.drop();
    }
    assert.equal((await admin.get('/api/v1/contact?limit=1')).status, 200);

    const until = Date.now() + 5000;
    let count;
    while ((count = await count_of('Given up')) < 10 && Date.now() < until) await new Promise((later) => setTimeout(later, 20));
    assert.equal(count, 10);
  });
});

describe('requests sent in one go', () => {
  test('are answered in their order, reads and writes alike', async () => {
    const wire = await open();
    const requests = Array.from({ length: 30 }, (_, i) => i % 3 === 0 ? post('/api/v1/contact', contact(`Pipe ${i}`))
      : i % 3 === 1 ? get(`/api/v1/contact?name=Pipe+${i - 1}&fields=name`) : get(`/nonsense-${i}`));

    wire.send(requests.join(''));

    for (let i = 0; i < requests.length; i += 1) {
      const answer = await wire.answer();
      assert.equal(answer.status, [201, 200, 404][i % 3], `request ${i}: ${answer.text}`);
      if (i % 3 === 0) assert.equal(answer.body.data.name, `Pipe ${i}`);
      if (i % 3 === 1) assert.deepEqual(answer.body.data.map(({ name }) => name), [`Pipe ${i - 1}`], 'a read sees the write before it');
    }
    wire.drop();
  });

  test('by the hundred are all answered', async () => {
    const wire = await open();

    wire.send(Array.from({ length: 500 }, (_, i) => get(`/n${i}`)).join('') + get('/healthz', 'Connection: close'));

    for (let i = 0; i < 500; i += 1) assert.equal((await wire.answer()).status, 404);
    assert.equal((await wire.answer()).text, 'ok\n');
    await wire.closed();
  });

  test('after one that is refused are not answered', async () => {
    const wire = await open();

    wire.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${post('/api/v1/contact', contact('After a refusal'))}`);

    assert_problem(await wire.answer(), 400);
    await wire.closed();
    assert.equal(await count_of('After a refusal'), 0);
  });

  test('by HEAD have no body between them', async () => {
    const wire = await open();
    const head = (path) => get(path).replace('GET', 'HEAD');

    wire.send(head('/healthz') + head('/api/v1/nonsense') + head('/') + get('/healthz'));

    assert.equal((await wire.answer({ head: true })).headers['content-length'], '3');
    assert.equal((await wire.answer({ head: true })).status, 404);
    assert.ok(Number((await wire.answer({ head: true })).headers['content-length']) > 100);
    assert.equal((await wire.answer()).text, 'ok\n');
    wire.drop();
  });

  test('with bodies where none is expected stay in step', async () => {
    const wire = await open();
    const with_body = (method, path) => lines(`${method} ${path} HTTP/1.1`, 'Host: x', `Cookie: ${admin.cookie}`, 'Content-Length: 5') + 'GET /';

    wire.send(with_body('GET', '/healthz') + with_body('DELETE', '/api/v1/contact/x') + with_body('GET', '/api/v1/nonsense') + get('/healthz'));

    assert.deepEqual([(await wire.answer()).status, (await wire.answer()).status, (await wire.answer()).status, (await wire.answer()).text],
      [200, 404, 404, 'ok\n']);
    wire.drop();
  });
});

test('what is wrong with a body is said in the caller’s language', async () => {
  const wire = await connect(server.url);
  wire.send(post('/api/v1/contact', null, 'Transfer-Encoding: chunked', 'Accept-Language: zh-CN') + 'x\r\n');
  const answer = await wire.answer();

  assert.equal(answer.status, 400);
  assert.deepEqual(Object.values(JSON.parse(answer.text)).slice(1, 4), ['请求无法识别', 400, '分块的长度格式错误。']);

  const known = await readFile(join(repository, 'core/problem.c'), 'utf8');
  const reasons = (await readFile(join(repository, 'core/net/http_chunks.c'), 'utf8')).matchAll(/refuse\(chunks, \d+, ("[^"]+")/g);
  for (const [, reason] of reasons) assert.ok(known.includes(`{${reason}, "`), `core/problem.c has no Chinese for ${reason}`);
});

describe('a body in chunks', () => {
  const chunked = (bytes, ...headers) => post('/api/v1/contact', null, 'Transfer-Encoding: chunked', ...headers) + bytes;
  const cut = (text, size) => `${text.match(new RegExp(`[^]{1,${size}}`, 'g')).map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;

  const good = {
    'of one byte each': () => cut(contact('Chunked'), 1),
    'of seven bytes': () => cut(contact('Chunked'), 7),
    'with capital and leading-zero sizes': () => { const text = contact('Chunked').padEnd(0x1b); return `0001B\r\n${text}\r\n000\r\n\r\n`; },
    'with extensions': () => { const text = contact('Chunked'); return `${text.length.toString(16)};a=b;c="d\\"e";f\r\n${text}\r\n0;last\r\n\r\n`; },
    'with trailers': () => cut(contact('Chunked'), 9).replace(/\r\n$/, 'X-Sum: 1\r\nContent-Length: 99\r\nHost: y\r\n\r\n'),
  };
  for (const [what, bytes] of Object.entries(good)) {
    test(`${what} is read, and what follows it too`, async () => {
      const wire = await open();

      wire.send(chunked(bytes()) + get('/healthz'));

      const answer = await wire.answer();
      assert.equal(answer.status, 201, answer.text);
      assert.equal(answer.body.data.name, 'Chunked');
      assert.equal((await wire.answer()).text, 'ok\n');
      wire.drop();
    });
  }

  const bad = {
    'a size that is no number': 'x\r\n{}\r\n0\r\n\r\n', 'a size with 0x': '0x2\r\n{}\r\n0\r\n\r\n', 'a negative size': '-2\r\n{}\r\n0\r\n\r\n', 'a size with a plus': '+2\r\n{}\r\n0\r\n\r\n',
    'no size': '\r\n{}\r\n0\r\n\r\n', 'a blank before the size': ' 2\r\n{}\r\n0\r\n\r\n', 'a size beyond 64 bits': '10000000000000002\r\n{}\r\n0\r\n\r\n',
    'a size with a point': '2.0\r\n{}\r\n0\r\n\r\n', 'a size line with a bare LF': '2\n{}\r\n0\r\n\r\n', 'a size line with a bare CR': '2\r{}\r\n0\r\n\r\n',
    'a chunk longer than its size': '1\r\n{}\r\n0\r\n\r\n', 'a chunk without its end': '2\r\n{}0\r\n\r\n', 'a chunk that ends with LF': '2\r\n{}\n0\r\n\r\n',
    'an extension with a bare LF': '2;a\nb\r\n{}\r\n0\r\n\r\n', 'an extension without a name': '2;=b\r\n{}\r\n0\r\n\r\n', 'a quote that stays open': '2;a="b\r\n{}\r\n0\r\n\r\n',
    'an extension with a control character': '2;a="\x01"\r\n{}\r\n0\r\n\r\n', 'a trailer without a colon': '2\r\n{}\r\n0\r\nnonsense\r\n\r\n',
    'a trailer with a blank before the colon': '2\r\n{}\r\n0\r\nA : b\r\n\r\n', 'a trailer that is folded': '2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n',
    'a trailer with a bare LF': '2\r\n{}\r\n0\r\nA: b\n\r\n', 'an end with a bare LF': '2\r\n{}\r\n0\r\n\n', 'extensions without end': `2;${'a'.repeat(10_000)}\r\n{}\r\n0\r\n\r\n`,
  };
  for (const [what, bytes] of Object.entries(bad)) {
    test(`with ${what} is refused and ends the connection`, async () => {
      const wire = await open();

      wire.send(chunked(bytes) + get('/healthz'));

      const answer = await wire.answer();
      assert_problem(answer, 400);
      assert.equal(answer.headers.connection, 'close');
      await wire.closed();
    });
  }
});

describe('Expect: 100-continue', () => {
  const body = contact('Continued');

  test('is answered before the body is sent', async () => {
    const wire = await open();
    wire.send(post('/api/v1/contact', null, `Content-Length: ${body.length}`, 'Expect: 100-continue'));

    const go_on = await wire.answer();
    const answer = await wire.send(body).answer();

    assert.equal(go_on.status, 100);
    assert.equal(answer.status, 201, answer.text);
    wire.drop();
  });

  test('is not said when the body comes unasked, or there is none', async () => {
    const wire = await open();

    wire.send(post('/api/v1/contact', body, 'Expect: 100-continue') + get('/healthz', 'Expect: 100-continue'));

    assert.deepEqual([(await wire.answer()).status, (await wire.answer()).text], [201, 'ok\n']);
    wire.drop();
  });

  test('is not said for a body that will be refused', async () => {
    const wire = await open();

    wire.send(post('/api/v1/contact', null, `Content-Length: ${5 * 1024 * 1024}`, 'Expect: 100-continue'));

    assert_problem(await wire.answer(), 413);
    wire.drop();
  });

  test('is the only expectation there is', async () => {
    const wire = await open();

    assert_problem(await wire.send(post('/api/v1/contact', body, 'Expect: 200-ok')).answer(), 417);
    await wire.closed();
  });
});

describe('a request that two servers might read differently', () => {
  const smuggled = () => post('/api/v1/contact', contact('Smuggled'));
  const head = (...headers) => lines('POST /api/v1/contact HTTP/1.1', 'Host: x', `Cookie: ${admin.cookie}`, ...headers);
  const last = '0\r\n\r\n';

  const tries = {
    'Content-Length and Transfer-Encoding': () => head('Content-Length: 5', 'Transfer-Encoding: chunked') + last,
    'Transfer-Encoding and Content-Length': () => head('Transfer-Encoding: chunked', 'Content-Length: 5') + last,
    'two lengths': () => head('Content-Length: 0', 'Content-Length: 5'),
    'the same length twice': () => head('Content-Length: 0', 'Content-Length: 0'),
    'a list of lengths': () => head('Content-Length: 0, 0'),
    'a length with a plus': () => head('Content-Length: +0'),
    'a negative length': () => head('Content-Length: -1'),
    'a hexadecimal length': () => head('Content-Length: 0x0'),
    'a length with a blank inside': () => head('Content-Length: 0 0'),
    'an empty length': () => head('Content-Length:'),
    'a length in other digits': () => head('Content-Length: \u0665'),
    'a blank before the colon of the length': () => head('Content-Length : 0'),
    'a blank before the colon of the coding': () => head('Transfer-Encoding : chunked') + last,
    'a tab before the colon': () => head('Content-Length\t: 0'),
    'a folded length': () => head('Content-Length:\r\n 0'),
    'a folded coding': () => head('Transfer-Encoding:\r\n chunked') + last,
    'a header folded away': () => head('X: y\r\n Transfer-Encoding: chunked') + last,
    'chunked twice': () => head('Transfer-Encoding: chunked, chunked') + last,
    'two coding headers': () => head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + last,
    'two codings that differ': () => head('Transfer-Encoding: identity', 'Transfer-Encoding: chunked') + last,
    'chunked that is not the last coding': () => head('Transfer-Encoding: chunked, gzip') + last,
    'chunked with a parameter': () => head('Transfer-Encoding: chunked;a=b') + last,
    'chunked in quotes': () => head('Transfer-Encoding: "chunked"') + last,
    'chunked behind a control character': () => head('Transfer-Encoding: \x0bchunked') + last,
    'chunked in HTTP/1.0': () => head('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0') + last,
    'a bare LF after the request line': () => head('Content-Length: 0').replace('\r\n', '\n'),
    'a bare LF after a header': () => head('A: b\nContent-Length: 0'),
    'a bare CR in a header': () => head('A: b\rContent-Length: 5', 'Content-Length: 0'),
    'a NUL in a header': () => head('A: b\0', 'Content-Length: 0'),
    'a bare CR at the end of a header': () => head('A: b\r\r\nContent-Length: 0'),
    'an escape sequence in a header': () => head('A: \x1b[2J', 'Content-Length: 0'),
    'a DEL in a header': () => head('A: \x7f', 'Content-Length: 0'),
    'a coding with a blank inside': () => head('Transfer-Encoding: chun ked') + last,
    'a coding and a length, of which the coding is unknown': () => head('Transfer-Encoding: gzip', 'Content-Length: 0'),
    'two headers that nearly are the same coding (CVE-2020-8287)': () => head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked-false') + last,
    'HTTP/0.9': () => 'GET /healthz\r\n',
    'HTTP/0.9 that states its version': () => head('Content-Length: 0').replace('HTTP/1.1', 'HTTP/0.9'),
    'a path in UTF-8': () => head('Content-Length: 0').replace('/contact', '/\u5ba2'),
    'an empty host twice': () => head('Host:', 'Content-Length: 0').replace('Host: x', 'Host:'),
    'bare LFs throughout': () => head('Content-Length: 0').replaceAll('\r\n', '\n'),
    'no host': () => head('Content-Length: 0').replace('Host: x\r\n', ''),
    'two hosts': () => head('Host: y', 'Content-Length: 0'),
    'a host with a path': () => head('Content-Length: 0').replace('Host: x', 'Host: x/y'),
    'a host with a user': () => head('Content-Length: 0').replace('Host: x', 'Host: a@x'),
    'a host with a blank': () => head('Content-Length: 0').replace('Host: x', 'Host: x y'),
    'a list of hosts': () => head('Content-Length: 0').replace('Host: x', 'Host: x, y'),
    'a blank in a header name': () => head('Ho st: y', 'Content-Length: 0'),
    'a header without a colon': () => head('nonsense', 'Content-Length: 0'),
    'a header without a name': () => head(': y', 'Content-Length: 0'),
    'a blank before the first header': () => head('Content-Length: 0').replace('\r\nHost', '\r\n Host'),
    'two blanks in the request line': () => head('Content-Length: 0').replace('POST ', 'POST  '),
    'a tab in the request line': () => head('Content-Length: 0').replace('POST ', 'POST\t'),
    'words after the version': () => head('Content-Length: 0').replace('HTTP/1.1', 'HTTP/1.1 HTTP/1.1'),
    'a version in small letters': () => head('Content-Length: 0').replace('HTTP/1.1', 'http/1.1'),
    'no version': () => head('Content-Length: 0').replace(' HTTP/1.1', ''),
    'a target without a slash': () => head('Content-Length: 0').replace(' /api', ' api'),
    'a target with a fragment': () => head('Content-Length: 0').replace('/contact ', '/contact#x '),
    'a target beyond ASCII': () => head('Content-Length: 0').replace('/contact', '/cont\u00e4ct'),
    'an absolute target without a host': () => head('Content-Length: 0').replace(' /api', ' http:///api'),
    'a blank line of spaces': () => ` \r\n${head('Content-Length: 0')}`,
  };
  for (const [what, bytes] of Object.entries(tries)) {
    test(`(${what}) is refused, and nothing behind it is looked at`, async () => {
      const wire = await open();

      wire.send(bytes() + smuggled());

      const answer = await wire.answer();
      assert_problem(answer, 400, { says: /\w+/ });
      assert.equal(answer.headers.connection, 'close');
      await wire.closed();
    });
  }

  const unknown = {
    'a coding that nobody knows': [() => head('Transfer-Encoding: gzip, chunked') + last, 501], 'identity': [() => head('Transfer-Encoding: identity'), 501],
    'a method that nobody knows': [() => head('Content-Length: 0').replace('POST', 'BREW'), 501],
    'a method that nobody knows, with a target that no known one has': [() => head('Content-Length: 0').replace('POST /api', 'BREW api'), 501],
    'CONNECT of HTTP/1.0': [() => 'CONNECT x:443 HTTP/1.0\r\n\r\n', 501],
    'a method in small letters': [() => head('Content-Length: 0').replace('POST', 'post'), 501], 'CONNECT': [() => head('Content-Length: 0').replace('POST /api/v1/contact', 'CONNECT x:1'), 501],
    'HTTP/2': [() => head('Content-Length: 0').replace('HTTP/1.1', 'HTTP/2.0'), 505], 'the preface of HTTP/2': [() => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    'a length that no number holds': [() => head('Content-Length: 18446744073709551617'), 413],
    'TLS': [() => Buffer.from('16030100c8010000c40303', 'hex').toString('latin1'), 400],
  };
  for (const [what, [bytes, status]] of Object.entries(unknown)) {
    test(`(${what}) gets ${status}, and nothing behind it is looked at`, async () => {
      const wire = await open();

      wire.send(bytes() + smuggled());

      assert_problem(await wire.answer(), status);
      await wire.closed();
    });
  }

  test('but only because it is old, absolute or not for this route, is no such thing', async () => {
    const wire = await open();

    wire.send(lines('GET /healthz HTTP/1.0', 'Connection: keep-alive') + lines('GET http://x/healthz HTTP/1.0', 'Connection: keep-alive')
      + get('http://x/healthz') + ['TRACE /api/v1/contact', 'PUT /api/v1/contact', 'TRACE /healthz', 'DELETE /readyz']
      .map((line) => lines(`${line} HTTP/1.1`, 'Host: x', `Cookie: ${admin.cookie}`)).join('') + get('/healthz', 'Connection: close'));

    for (const status of [200, 200, 200, 405, 405, 405, 405, 200]) {
      const answer = await wire.answer();
      assert.equal(answer.status, status);
      assert.equal(answer.headers.allow !== undefined, status === 405);
      if (status !== 200) assert.deepEqual([answer.headers['cache-control'], answer.headers['x-content-type-options']], ['no-store', 'nosniff']);
    }
    await wire.closed();
  });

  test('brought nothing in', async () => {
    assert.equal(await count_of('Smuggled'), 0);
  });
});

describe('a head', () => {
  test('may have a target of 8 KiB and not more', async () => {
    const wire = await open();
    const target = (length) => `/${'a'.repeat(length - 1)}`;

    assert.equal((await wire.send(get(target(8192))).answer()).status, 404);
    assert_problem(await wire.send(get(target(8193))).answer(), 414);
    await wire.closed();
  });

  test('may have 100 headers and not more', async () => {
    const wire = await open();
    const headers = (count) => Array.from({ length: count - 2 }, (_, i) => `H${i}: x`);

    assert.equal((await wire.send(get('/healthz', ...headers(100))).answer()).status, 200);
    assert_problem(await wire.send(get('/healthz', ...headers(101))).answer(), 431);
    await wire.closed();
  });

  test('may have 32 KiB and not more', async () => {
    const wire = await open();
    const sized = (length) => { const bare = get('/healthz', 'X: '); return get('/healthz', `X: ${'y'.repeat(length - bare.length)}`); };

    assert.equal((await wire.send(sized(32_000)).answer()).status, 200);
    assert_problem(await wire.send(sized(33_000)).answer(), 431);
    await wire.closed();
  });

  test('that never ends is refused in good time', async () => {
    for (const [begun, status] of [[`GET /${'a'.repeat(100_000)}`, 414], [`GET / HTTP/1.1\r\nA: ${'b'.repeat(100_000)}`, 431], [`${'A'.repeat(100_000)}`, 414],
      ['GET / HTTP/1.1\r\n' + 'A: b\r\n'.repeat(10_000), 431]]) {
      const wire = await open();
      assert_problem(await wire.send(begun).answer(), status);
      await wire.closed();
    }
  });

  test('may come after an empty line, have odd but lawful parts, and an absolute target', async () => {
    const wire = await open();

    wire.send(`\r\n${get('/healthz')}${get(`http://else.example:80/healthz`)}${get('HTTP://x/healthz?a=b')}${get('/healthz', 'X:', 'Y:\t z \t', "!#$%&'*+-.^_`|~: ok", 'Z: \xff')}`);

    for (let i = 0; i < 4; i += 1) assert.equal((await wire.answer()).text, 'ok\n');
    wire.drop();
  });

  test('OPTIONS * is answered', async () => {
    const wire = await open();
    const answer = await wire.send(lines('OPTIONS * HTTP/1.1', 'Host: x')).answer();
    assert.ok([200, 204, 404, 405].includes(answer.status), String(answer.status));
    wire.drop();
  });
});

test('a header value from the request cannot break out of an answer', async () => {
  const answer = await admin.get('/api/v1/contact?x%0d%0aSet-Cookie:%20a=b=1');

  assert_problem(answer, 400);
  assert.equal(answer.headers.get('set-cookie'), null);
});

test('log lines cannot be forged by what a request says', async () => {
  const wire = await open();
  await wire.send(get('/forged%0a2026-01-01T00:00:00Z%20error%20text=%22x%22')).answer();
  await wire.send(get('/a"b\\c')).answer();
  wire.drop();

  assert.ok(!/^2026-01-01T00:00:00Z/m.test(server.logs));
});

test('many connections at once are all served', async () => {
  const wires = await Promise.all(Array.from({ length: 200 }, open));
  for (const wire of wires) wire.send(get('/api/v1/product?limit=3'));

  const answers = await Promise.all(wires.map((wire) => wire.answer()));

  assert.deepEqual(answers.map(({ status }) => status), Array(200).fill(200));
  for (const wire of wires) wire.drop();
});

test('after all that the server logged no fault of its own', () => {
  const faults = server.logs.split('\n').filter((line) => / error | status=500/.test(line));
  assert.deepEqual(faults, []);
});
