// tests/http/languages.test.mjs: what the commands print for people, in the language of whoever runs them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { make_root } from '../support/root.mjs';
import { start, tidemill } from '../support/server.mjs';

let demo;
let server;

before(async () => {
  demo = await make_root({ rows: 1 });
  server = await start({ config: demo.config, cwd: demo.path, env: { LC_ALL: 'zh_CN.UTF-8' } });
});
after(async () => {
  await server?.stop();
  await demo?.remove();
});

async function says(printing, what) {
  for (let i = 0; i < 100 && !what.test(printing.logs); i++) await new Promise((later) => setTimeout(later, 20));
  assert.match(printing.logs, what);
}

const run = (env, ...args) => new Promise((done) => {
  const options = { cwd: demo.path, env: { PATH: process.env.PATH, ...env } };
  execFile(tidemill, [...args, '--config', demo.config, '--data', server.data], options, (error, stdout, stderr) => {
    done({ status: error?.code ?? 0, stdout, stderr });
  });
});

async function import_bad(env, ...more) {
  const file = join(demo.path, 'bad.csv');
  await writeFile(file, 'product,series,sales_price\nImport GTX,GTX,free\n');
  const { stdout } = await run(env, 'import', 'product', file, ...more);
  return { said: stdout, rejects: await readFile(`${file}.rejects.csv`, 'utf8') };
}

test('the start says where it serves, what came in, and what to try', async () => {
  await says(server, /Tidemill 服务地址： http:/);
  await says(server, /opportunity：共 1 行；新建 1 条，更改 0 条，未变 0 条；拒绝 0 行/);
  await says(server, /密码均为 tidemill-demo/);
});

test('so does the start of an empty installation, with its link', async () => {
  const empty = await make_root({ clients: [] });
  const other = await start({ config: empty.config, cwd: empty.path, args: ['--language', 'zh'] });

  await says(other, /尚无人设置密码.*\n  http:\S+#\/sign-in\//);
  await other.stop();
  await empty.remove();
});

test('an import tells what it did, and each refused row its reason, in the language of the environment', async () => {
  for (const env of [{ LC_ALL: 'zh_CN.UTF-8', LANG: 'de_DE' }, { LC_ALL: '', LC_MESSAGES: 'zh_TW', LANG: 'en_GB' }, { LANG: 'zh' }]) {
    const { said, rejects } = await import_bad(env);
    assert.match(said, /product：共 1 行；新建 0 条.*拒绝 1 行/);
    assert.match(said, /1 {2}拒绝：格式应为/);
    assert.match(said, /被拒绝的行见：.*bad\.csv\.rejects\.csv/);
    assert.match(rejects, /^line,column,reason,.*\n2,sales_price,"格式应为/);
  }
  for (const env of [{}, { LANG: 'zhx_XX' }, { LC_ALL: 'C', LANG: 'zh_CN' }]) {
    const { said, rejects } = await import_bad(env);
    assert.match(said, /product: 1 rows; records 0 created.*1 rows refused/);
    assert.match(rejects, /2,sales_price,"needed is/);
  }
});

test('--language goes before the environment, and takes only what there is', async () => {
  assert.match((await import_bad({ LANG: 'zh_CN' }, '--language', 'en')).said, /1 rows refused/);
  assert.match((await import_bad({ LANG: 'en_GB' }, '--language', 'zh')).said, /拒绝 1 行/);

  const french = await run({}, 'import', 'product', 'x.csv', '--language', 'fr');
  assert.equal(french.status, 2);
  assert.match(french.stderr, /--language is en or zh, not fr/);
  assert.match((await run({}, 'import', '--help')).stdout, /LC_ALL, LC_MESSAGES or LANG/);
});

test('an import that cannot begin says why', async () => {
  const file = join(demo.path, 'short.csv');
  await writeFile(file, 'product\nX\n');

  assert.match((await run({ LANG: 'zh_CN' }, 'import', 'product', file)).stderr, /缺少列 series/);
  assert.match((await run({ LANG: 'zh_CN' }, 'import', 'prodict', file)).stderr, /没有映射 prodict/);
});
