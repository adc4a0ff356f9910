// tests/http/check.test.mjs: what `tidemill check` finds wrong in a plugin, and with which words.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { root, tidemill } from '../support/server.mjs';

const run = promisify(execFile);

let home;
const folder = () => join(home, 'plugins/probe');

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemill-check-'));
  for (const name of ['scripts', 'plugins', 'config']) await cp(join(root, name), join(home, name), { recursive: true });
  const settings = join(home, 'config/tidemill.lua');
  await writeFile(settings, (await readFile(settings, 'utf8')).replace('"console" }', '"console", "probe" }'));
});
after(() => rm(home, { recursive: true, force: true }));

const manifest = 'return { name = "probe", version = "1.0.0", api = 1, needs = { lead = "^1.0", customer = "^1.0" } }\n';

// What check says of a plugin with these files: "good: …", or what is wrong.
async function check(files) {
  await rm(folder(), { recursive: true, force: true });
  for (const [name, text] of Object.entries({ 'plugin.lua': manifest, ...files })) {
    const path = join(folder(), name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const ended = await run(tidemill, ['check', '--config', join(home, 'config/tidemill.lua')]).catch((error) => error);
  return ended.stderr.trim();
}

const label = 'label = { en = "x", zh = "x" }';

// An entity whose third line is that field, and whose last has these further properties.
const entity = (field, more = '') => `mill.entity "probe" {
  ${label}, display = "name", fields = { { "name", "text", ${label} },
    ${field}
  }, ${more}
}
`;

// A decision on leads whose fifth line is that row.
const decision = (row, more = 'outcome = { { "way" } }') => `return mill.decision "probe.way" {
  title = { en = "x", zh = "x" }, hit = "first", ${more},
  facts = { { "score", of = "lead.score" }, { "region", of = "lead.region" } },
  rows = {
    ${row},
    { "-", "-", "" },
  },
}
`;

async function tells(cases) {
  for (const [what, files, ...told] of cases) {
    const said = await check(files);
    for (const part of told) assert.ok(said.includes(part), `${what}: ${part} is not in\n${said}`);
    assert.doesNotMatch(said, /traceback/, what);
  }
}

test('a plugin that is right is good', async () => {
  const said = await check({
    'entities.lua': entity(`{ "size", "integer", min = 1, max = 9, default = 3, ${label} },`),
    'decisions/way.lua': decision('{ ">= 80", "-", "x" }'),
  });

  assert.match(said, /^good: /);
});

test('a fault is told with the line of the field, move, grant, fact or row in which it is', async () => {
  const lifecycle = `mill.lifecycle "probe" {
  initial = "new", states = { { "new", en = "x", zh = "x" } },
  moves = {
    -- a move, with a comment { that "looks" like code
    go = { from = "new", to = "nowhere" },
  },
}
`;
  const state = entity(`{ "stage", "state", ${label} },`);

  await tells([
    ['a field', { 'entities.lua': entity(`{ "size", "integer", colour = "red", ${label} },`) },
      'plugins/probe/entities.lua:3: probe.size: a field has no property colour'],
    ['a reference', { 'entities.lua': entity(`{ "size", "reference", to = "nothing", ${label} },`) },
      'plugins/probe/entities.lua:3: probe.size refers to the unknown entity nothing'],
    ['an extension', { 'entities.lua': `mill.extend "lead" {\n fields = {\n  { "score", "text", ${label} } } }\n` },
      'plugins/probe/entities.lua:3: lead.score: the field is declared twice'],
    ['a move', { 'entities.lua': state + lifecycle },
      'plugins/probe/entities.lua:10: mill.lifecycle probe: go names the unknown state nowhere'],
    ['a grant', { 'access.lua': 'mill.access "lead" {\n  { role = "agent", allow = { "read" } },\n  { role = "agent" },\n}\n' },
      'plugins/probe/access.lua:3: mill.access lead: grant 2 needs allow'],
    ['an action of a grant', { 'access.lua': 'mill.access "lead" {\n  { role = "agent", allow = { "fly" } },\n}\n' },
      'plugins/probe/access.lua:2: mill.access lead: there is no action or move fly'],
    ['a fact', { 'decisions/way.lua': decision('{ "-", "-", "x" }').replace('lead.region', 'lead.colour') },
      'plugins/probe/decisions/way.lua:3: decision probe.way: the fact region is of lead.colour, which does not exist'],
    ['an action', { 'actions.lua': '\nmill.action "lead.accept" { title = { en = "x", zh = "x" }, run = function() end }\n' },
      'plugins/probe/actions.lua:2: action lead.accept has the name of a move'],
    ['a row', { 'decisions/way.lua': decision('{ ">> 80", "-", "x" }') },
      'plugins/probe/decisions/way.lua:5: decision probe.way: row 1, score: ">> 80": expected'],
  ]);
});
