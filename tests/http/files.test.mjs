// tests/http/files.test.mjs: files of pages (validators, parts, packed forms, headers), and answers packed for those who ask.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';

import { assert_problem } from '../support/problem.mjs';
import { connect } from '../support/raw.mjs';
import { make_root } from '../support/root.mjs';
import { start, tidemill } from '../support/server.mjs';

const script = `'use strict';\n${'export const tide = "high";\n'.repeat(200)}`;
const built = `${'body { color: teal; }\n'.repeat(200)}`;
const image = Buffer.from([0x89, 0x50, 0x4e, 0x47, ...Array.from({ length: 3000 }, (_, i) => i & 15)]);

let root;
let server;
let admin;

before(async () => {
  root = await make_root({
    rows: 60,
    plugins: {
      pier: {
        'plugin.lua': 'return { name = "pier", version = "1.0.0", api = 1, title = { en = "Pier", zh = "码头" } }\n',
        'pages.lua': [
          'mill.page "/pier.js" { file = "static/pier.js" }', 'mill.page "/short.js" { file = "static/short.js" }',
          'mill.page "/pier.png" { file = "static/pier.png" }', 'mill.page "/empty.css" { file = "static/empty.css" }',
          'mill.page "/pier-1a2b.css" { file = "static/built.css", immutable = true }', '',
        ].join('\n'),
        'static/pier.js': script, 'static/short.js': 'export {};\n', 'static/pier.png': image, 'static/empty.css': '',
        'static/built.css': built, 'static/built.css.gz': gzipSync(built, { level: 1 }),
      },
    },
  });
  server = await start({ config: root.config, cwd: root.path });
  admin = await server.log_in('admin');
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

// The answer as it comes over the wire: status, headers, and the body as bytes.
async function ask(path, headers = {}, method = 'GET') {
  const wire = await connect(server.url);
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  wire.send(`${lines.join('\r\n')}\r\n\r\n`);
  const bytes = await wire.until(() => undefined, 'end').then(() => wire.bytes);
  const end = bytes.indexOf('\r\n\r\n');
  const [first, ...rest] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const found = Object.fromEntries(rest.map((line) => line.split(/: (.*)/s)).map(([name, value]) => [name.toLowerCase(), value]));
  return { status: Number(first.split(' ')[1]), headers: found, body: bytes.subarray(end + 4) };
}

describe('a file', () => {
  test('comes with what keeps browsers from running anything else, and from guessing', async () => {
    for (const path of ['/', '/pier.js', '/pier.png']) {
      const { status, headers } = await ask(path);
      assert.equal(status, 200);
      const policy = headers['content-security-policy'];
      assert.match(policy, /default-src 'self'.*object-src 'none'.*base-uri 'none'.*frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe/);
      assert.deepEqual([headers['x-content-type-options'], headers['referrer-policy'], headers['cross-origin-resource-policy'], headers['cache-control']],
        ['nosniff', 'no-referrer', 'same-origin', 'no-cache']);
    }
    assert.equal((await ask('/pier-1a2b.css')).headers['cache-control'], 'public, max-age=31536000, immutable');
  });

  test('is not sent again to who has it', async () => {
    const { etag } = (await ask('/pier.js')).headers;
    const packed = (await ask('/pier.js', { 'accept-encoding': 'gzip' })).headers.etag;
    assert.match(etag, /^"[0-9a-f]{24}"$/);
    assert.notEqual(packed, etag);

    for (const [tags, known] of [[etag, etag], [`W/${etag}`, etag], [`"a", ${etag}`, etag], ['*', etag], [packed, packed], [`"b",W/${packed}`, packed]]) {
      const answer = await ask('/pier.js', { 'if-none-match': tags, 'accept-encoding': 'gzip', range: 'bytes=0-1' });
      assert.deepEqual([answer.status, answer.headers.etag, answer.body.length], [304, known, 0], tags);
      assert.equal(answer.headers.vary, 'Accept-Encoding');
    }
    for (const tags of ['"a"', '', etag.replaceAll('"', '')]) assert.equal((await ask('/pier.js', { 'if-none-match': tags })).status, 200, tags);
  });

  test('comes packed to who asks for it, and the same to who does not', async () => {
    for (const [path, text] of [['/pier.js', script], ['/pier-1a2b.css', built]]) {
      const packed = await ask(path, { 'accept-encoding': 'deflate, gzip;q=0.8' });
      const plain = await ask(path, { 'accept-encoding': 'gzip;q=0' });
      assert.deepEqual([packed.headers['content-encoding'], packed.headers.vary], ['gzip', 'Accept-Encoding']);
      assert.equal(gunzipSync(packed.body).toString(), text);
      assert.deepEqual([plain.headers['content-encoding'], plain.headers.vary, plain.body.toString()], [undefined, 'Accept-Encoding', text]);
    }
    const beside = await ask('/pier-1a2b.css', { 'accept-encoding': 'gzip' });
    assert.deepEqual(beside.body, gzipSync(built, { level: 1 }), 'what lies beside the file is what is sent');
  });

  test('that is short or packed already comes as it is', async () => {
    for (const path of ['/short.js', '/pier.png', '/empty.css']) {
      const answer = await ask(path, { 'accept-encoding': 'gzip' });
      assert.deepEqual([answer.status, answer.headers['content-encoding'], answer.headers.vary], [200, undefined, undefined]);
    }
    assert.deepEqual((await ask('/pier.png')).body, image);
  });

  test('answers HEAD with the head of GET', async () => {
    for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
      const got = await ask('/pier.js', headers);
      const head = await ask('/pier.js', { ...headers, range: 'bytes=0-1' }, 'HEAD');
      assert.equal(head.status, 200);
      assert.equal(head.body.length, 0);
      assert.deepEqual({ ...head.headers, date: '' }, { ...got.headers, date: '' });
    }
  });

  test('comes in parts', async () => {
    const size = script.length;
    const cases = {
      'bytes=0-0': [0, 1], 'bytes=5-9': [5, 10], 'bytes=100-': [100, size], 'bytes=-7': [size - 7, size], [`bytes=0-${size + 99}`]: [0, size],
      [`bytes=-${size + 99}`]: [0, size], [`bytes=${size - 1}-`]: [size - 1, size], 'BYTES= 3-4 ': [3, 5],
    };
    for (const [range, [from, to]] of Object.entries(cases)) {
      const answer = await ask('/pier.js', { range, 'accept-encoding': 'gzip' });
      assert.equal(answer.status, 206, range);
      assert.deepEqual([answer.headers['content-range'], answer.headers['content-length'], answer.headers['content-encoding']],
        [`bytes ${from}-${to - 1}/${size}`, String(to - from), undefined]);
      assert.equal(answer.body.toString(), script.slice(from, to));
    }
    assert.equal((await ask('/pier.js')).headers['accept-ranges'], 'bytes');
  });

  test('has no parts beyond its end', async () => {
    for (const range of [`bytes=${script.length}-`, 'bytes=-0', 'bytes=999999-5']) {
      const answer = await ask('/pier.js', { range, 'accept-language': 'zh' });
      assert.equal(answer.status, 416, range);
      assert.equal(answer.headers['content-range'], `bytes */${script.length}`);
      const problem = JSON.parse(answer.body);
      assert.deepEqual([problem.type, problem.title, problem.detail], ['urn:tidemill:problem:range', '文件没有所请求的部分', `文件共 ${script.length} 字节`]);
    }
    assert.equal((await ask('/empty.css', { range: 'bytes=0-' })).status, 416);
  });

  test('comes whole for what is no single part', async () => {
    for (const range of ['bytes=0-1,4-5', 'bytes=9-5', 'bytes=-', 'bytes=a-b', 'lines=0-1', '0-1', 'bytes=0-9999999999999999999', 'bytes 0-1']) {
      const answer = await ask('/pier.js', { range });
      assert.deepEqual([answer.status, answer.body.length], [200, script.length], range);
    }
  });

  test('comes whole when it is another than the part was of', async () => {
    const { etag } = (await ask('/pier.js')).headers;
    assert.equal((await ask('/pier.js', { range: 'bytes=0-4', 'if-range': etag })).status, 206);
    for (const other of ['"old"', `W/${etag}`, etag.replace(/"$/, '-gzip"'), 'Tue, 24 Nov 2026 19:00:00 GMT']) {
      assert.equal((await ask('/pier.js', { range: 'bytes=0-4', 'if-range': other })).status, 200, other);
    }
  });
});

test('a packed form that is not of its file is refused, with what to do', async () => {
  const wrong = await make_root({
    rows: 1,
    plugins: {
      pier: {
        'plugin.lua': 'return { name = "pier", version = "1.0.0", api = 1, title = { en = "Pier", zh = "码头" } }\n',
        'pages.lua': 'mill.page "/pier.js" { file = "static/pier.js" }\n',
        'static/pier.js': script, 'static/pier.js.gz': gzipSync(`${script}// older\n`),
      },
    },
  });
  try {
    await assert.rejects(start({ config: wrong.config, cwd: wrong.path }), /pier\.js\.gz is not .*pier\.js packed; pack it again, or remove it/);
  } finally {
    await wrong.remove();
  }
});

describe('an answer of the API', () => {
  const list = '/api/v1/opportunity?limit=50';
  const own_page = () => ({ cookie: admin.cookie, 'sec-fetch-site': 'same-origin' });

  test('is packed for the server’s own page, and unpacks to the same', async () => {
    const packed = await ask(list, { ...own_page(), 'accept-encoding': 'gzip' });
    const plain = await ask(list, own_page());

    assert.deepEqual([packed.status, packed.headers['content-encoding'], packed.headers.vary], [200, 'gzip', 'Accept-Encoding']);
    assert.deepEqual([plain.status, plain.headers['content-encoding'], plain.headers.vary], [200, undefined, 'Accept-Encoding']);
    assert.ok(packed.body.length * 3 < plain.body.length, `${packed.body.length} of ${plain.body.length}`);
    assert.deepEqual(JSON.parse(gunzipSync(packed.body)).data, JSON.parse(plain.body).data);
  });

  test('is packed for a program’s token', async () => {
    const { stdout } = await promisify(execFile)(tidemill, ['token', '--config', root.config, '--data', server.data, 'admin', 'a program'], { cwd: root.path });
    const packed = await ask(list, { authorization: `Bearer ${stdout.trim()}`, 'accept-encoding': 'gzip' });
    assert.equal(packed.headers['content-encoding'], 'gzip');
  });

  test('is not packed where a stranger’s page could measure it (BREACH), nor when nobody asks', async () => {
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'none' }, {}, { ...own_page(), 'accept-encoding': 'br' }]) {
      const answer = await ask(list, { cookie: admin.cookie, 'accept-encoding': 'gzip', ...headers });
      assert.deepEqual([answer.status, answer.headers['content-encoding']], [200, undefined]);
    }
  });

  test('about one record has an ETag that is good for a change, packed or not', async () => {
    const made = await admin.post('/api/v1/contact', { name: 'Long' });
    assert.equal(made.status, 201, made.text);
    const path = `/api/v1/contact/${made.body.data.id}`;
    const change = (tag) => admin.request('PATCH', path, { name: `As of ${tag}` }, { 'if-match': tag });

    assert_problem(await change('"0-gzip"'), 412);
    assert_problem(await change('"1-zip"'), 412);
    assert.equal((await change('"1-gzip"')).status, 200);
    assert.equal((await change('"2"')).status, 200);
  });
});
