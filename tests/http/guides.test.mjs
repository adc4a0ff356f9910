// tests/http/guides.test.mjs: what the guides say is so: each is followed from top to bottom, as tests/support/guide.mjs reads it.

import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { blocks_of, fits, follow, make_seed } from '../support/guide.mjs';
import { root } from '../support/server.mjs';

const read = (path) => readFile(join(root, path), 'utf8');

const guides = [
  'README.md', 'docs/getting-started.md', 'docs/administration.md', 'docs/client-packs.md', 'docs/plugin-api.md', 'docs/http-api.md',
];
const translated = ['getting-started.md', 'administration.md', 'client-packs.md'];

let data;
before(async () => { data = await make_seed(); });
after(async () => { if (data) await rm(data, { recursive: true, force: true }); });

for (const guide of guides) {
  test(`${guide} is right in every block`, async () => follow(await read(guide), { data }));
}

for (const guide of translated) {
  test(`docs/zh/${guide} has the blocks of the guide in English`, async () => {
    const theirs = blocks_of(await read(`docs/${guide}`));
    const ours = blocks_of(await read(`docs/zh/${guide}`));

    assert.equal(ours.length, theirs.length);
    for (const [i, { line, kind, mark, text }] of ours.entries()) {
      const its = theirs[i];
      assert.deepEqual([kind, mark, text], [its.kind, its.mark, its.text], `line ${line} here, line ${its.line} there`);
    }
  });
}

test('a guide that is wrong is told, with the line', async () => {
  const serves = '<!-- test: serves -->\n```sh\nmake run\n```\n';
  const wrong = {
    'an output': '```sh\necho two\n```\n\n```text\nthree\n```\n',
    'a value in JSON': '```sh\necho \'{"a": 1}\'\n```\n\n```json\n{ "a": 2 }\n```\n',
    'commands that fail': '```sh\nfalse\n```\n',
    'an output of nothing': '```text\nthree\n```\n',
    'a file without a name': '```lua\nreturn {}\n```\n',
    'a change of what is not there': '```diff\n--- config/tidemill.lua\n+++ config/tidemill.lua\n-nothing\n+something\n```\n',
    'a log without a server': '```log\nanything\n```\n',
    'a block that nothing checks': '```html\n<p>\n```\n',
  };

  for (const [what, markdown] of Object.entries(wrong)) {
    await assert.rejects(follow(`# A guide\n\n${markdown}`), /^Error: line \d+: /, what);
  }
  await assert.rejects(follow(`${serves}\`\`\`sh\ncurl -s http://127.0.0.1:8080/healthz\n\`\`\`\n\`\`\`text\nill\n\`\`\`\n`, { data }), /something else:\nok/);
});

test('… stands for anything, and in JSON blanks do not count', () => {
  assert.ok(fits('text', 'a … z', 'a b c z\n'));
  assert.ok(!fits('text', 'a … z', 'a b c'));
  assert.ok(!fits('text', 'a.c', 'abc'));
  assert.ok(fits('json', '{ "a": "b c", "d": […] }', '{"a":"b c","d":[1,2]}'));
  assert.ok(!fits('json', '{ "a": "b c" }', '{"a":"bc"}'));
});
