// tests/http/check.test.mjs: what `tidemill check` finds wrong in a plugin, and with which words; and what `tidemill test` says.

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

// What a command says of a plugin with these files.
async function told_by(command, files) {
  await rm(folder(), { recursive: true, force: true });
  for (const [name, text] of Object.entries({ 'plugin.lua': manifest, ...files })) {
    const path = join(folder(), name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return run(tidemill, [...command, '--config', join(home, 'config/tidemill.lua')]).catch((error) => error);
}

// "good: …", or what is wrong.
const check = async (files) => (await told_by(['check'], files)).stderr.trim();

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
    ['a fact of another entity', { 'decisions/way.lua': decision('{ "-", "-", "x" }').replace('lead.region', 'customer.region') },
      'plugins/probe/decisions/way.lua:3: decision probe.way: the fact region is of customer, others of lead'],
    ['a row', { 'decisions/way.lua': decision('{ ">> 80", "-", "x" }') },
      'plugins/probe/decisions/way.lua:5: decision probe.way: row 1, score: ">> 80": expected'],
  ]);
});

test('a field that could never be right is refused', async () => {
  const wrong = (field, told) => [field, { 'entities.lua': entity(`${field} ${label} },`) }, `plugins/probe/entities.lua:3: probe.size: ${told}`];

  await tells([
    wrong('{ "size", "text", max = "100",', 'max is a whole number, not "100"'),
    wrong('{ "size", "text", min = 1,', 'a field of type text has no min'),
    wrong('{ "size", "boolean", max = 1,', 'a field of type boolean has no max'),
    wrong('{ "size", "integer", min = 0.5,', 'min is a whole number, not 0.5'),
    wrong('{ "size", "integer", lower = true,', 'a field of type integer has no lower'),
    wrong('{ "size", "decimal", scale = 40,', 'scale is a whole number from 0 to 18, not 40'),
    wrong('{ "size", "integer", required = "yes",', 'required is true or false, not "yes"'),
    wrong('{ "size", "integer", write = "rules",', 'write is "system", not "rules"'),
    wrong('{ "size", "integer", default = "zero",', 'the default cannot be: a whole number'),
    wrong('{ "size", "integer", max = 3, default = 4,', 'the default cannot be: at most 3'),
    wrong('{ "size", "date", default = "today",', 'the default cannot be: a date such as'),
    wrong('{ "size", "choice", values = { { "a", en = "A", zh = "A" } }, default = "b",', 'the default cannot be: one of a'),
    wrong('{ "size", "text", default = "actor",', 'default = "actor" is for references'),
    wrong('{ "size", "reference", to = "customer", default = "actor",', 'default = "actor" is for references'),
    wrong('{ "size", "reference", to = "unit", default = "x",', 'default = "actor" is for references'),
    wrong('{ "size", "state", default = "x",', 'a state has no default'),
  ]);
});

test('a policy looks at a field that says whose a record is', async () => {
  const named = (what, to) => [what, { 'entities.lua': entity(`{ "size", "reference", to = "${to}", ${label} },`, `\n${what} = "size",`) },
    `plugins/probe/entities.lua:5: entity probe: ${what} must be a field that refers to`];
  const granted = (where) => [where, { 'access.lua': `mill.access "lead" {\n  { role = "agent", allow = { "read" }, where = ${where} },\n}\n` },
    'plugins/probe/access.lua:2: mill.access lead: the policy'];

  await tells([
    named('owner', 'customer'), named('unit', 'position'),
    granted('{ own = "unit" }'), granted('{ unit = "owner" }'), granted('{ unit_subtree = "id" }'), granted('{ partner = "product" }'),
  ]);
});

test('what would collide in the store is refused', async () => {
  await tells([
    ['money and another field', { 'entities.lua': entity(`{ "size", "money", ${label} },\n    { "size_base", "integer", ${label} },`) },
      'plugins/probe/entities.lua:4: probe.size_base: its column size_base is one of the field size (money)'],
    ['another field and money', { 'entities.lua': entity(`{ "size_base", "integer", ${label} },\n    { "size", "money", ${label} },`) },
      'plugins/probe/entities.lua:4: probe.size: its column size_base is one of the field size_base (integer)'],
    ['a table of SQLite', { 'entities.lua': entity('').replace('"probe"', '"sqlite_x"') },
      'plugins/probe/entities.lua:1: sqlite_x: this name is reserved'],
  ]);
});

test('a test that gets another status than it expected says why', async () => {
  const { stdout } = await told_by(['test', 'plugins/probe'], { 'tests/probe_test.lua': `
test("a partner makes a customer", function()
  expect(request("partner", "POST", "/api/v1/customer", { name = "x" }).status):is(201)
end)
test("a customer without a name", function()
  expect(request("admin", "POST", "/api/v1/customer", { colour = "red" }).status):is(201)
end)
test("another number", function()
  expect(request("admin", "POST", "/api/v1/customer", {}).status):is(422)
  expect(403):is(201)
end)
` });

  assert.match(stdout, /probe_test\.lua:3: expected 201, got 403: This is not allowed to you\n/);
  assert.match(stdout, /probe_test\.lua:6: expected 201, got 422: Some values are not right; colour: Customer has no field .*; name: a value is needed\n/);
  assert.match(stdout, /probe_test\.lua:10: expected 201, got 403\n/);
});

test('tests that nobody has are no success', async () => {
  const { code, stderr } = await told_by(['test', 'nosuch'], {});

  assert.equal(code, 1);
  assert.match(stderr, /there is no file with tests whose path holds "nosuch"/);
  assert.doesNotMatch(stderr, /traceback/);
});

test('a permission that there is none of is refused, and so is an entity that mill.db could not name', async () => {
  await tells([
    ['a permission', { 'plugin.lua': manifest.replace('api = 1', 'api = 1, permissions = { "fly" }') },
      'plugins/probe/plugin.lua:1: there is no permission fly; there are: elevate, files, mail, net, sql'],
    ['an entity', { 'entities.lua': entity('').replace('"probe"', '"as"') }, 'as: this name is reserved'],
  ]);
  assert.match(await check({ 'plugin.lua': manifest.replace('api = 1', 'api = 1, permissions = { "elevate" }') }), /^good/);
});

test('what a plugin asks for is told with each check, in the language of whoever installs it', async () => {
  const asks = { 'plugin.lua': manifest.replace('api = 1', 'api = 1, permissions = { "elevate", net = { "erp.example.com" } }') };
  const before = process.env.LC_ALL;

  assert.match(await check(asks), new RegExp('^good: .*\nplugins/probe/plugin.lua: the plugin probe asks for permissions\n'
    + '  elevate: its actions may act as others than the caller\n  net: reaches erp.example.com$'));
  process.env.LC_ALL = 'zh_CN.UTF-8';
  const chinese = await check(asks).finally(() => { process.env.LC_ALL = before; });
  assert.match(chinese, /\nplugins\/probe\/plugin.lua：插件 probe 申请以下权限\n {2}elevate: .*\n {2}net: 访问 erp.example.com$/);
  assert.doesNotMatch(await check({}), /permission/);
});

test('declarations are plain tables', async () => {
  await tells([
    ['a metatable', { 'entities.lua': entity('').replace('fields = {', 'unique = setmetatable({}, {}), fields = {') },
      'plugins/probe/entities.lua:1: mill takes plain tables: this one has a metatable'],
  ]);
});

test('an outcome that is not what the table says it is, is told with row and cell', async () => {
  const wrong = (cell, outcome, told) => [told, { 'decisions/way.lua': decision(`{ "-", "-", ${cell} }`, `outcome = { ${outcome} }`) },
    `plugins/probe/decisions/way.lua:${told.startsWith('row') ? 5 : 2}: decision probe.way: ${told}`];

  await tells([
    wrong('"drect"', '{ "way", values = { "direct", "pool" } }', 'row 1, way: "drect": needed is one of direct, pool'),
    wrong('"4 hours"', '{ "way", type = "duration" }', 'row 1, way: "4 hours": needed is a duration'),
    wrong('"team:x"', '{ "way", type = "selector" }', 'row 1, way: "team:x": needed is a selector'),
    wrong('"3"', '{ "way", type = "integer" }', 'row 1, way: "3": needed is a whole number'),
    wrong('"yes"', '{ "way", type = "boolean" }', 'row 1, way: "yes": needed is true or false'),
    wrong('{}', '{ "way" }', 'row 1, way: a table: needed is a text, a number'),
    wrong('"x"', '{ "way", type = "colour" }', 'way: there is no type colour; there are any, boolean'),
    wrong('"x"', '{ "way", kind = "text" }', 'way: an outcome has no property kind'),
    wrong('"x"', '{ "way", type = "duration", values = { "4h", "soon" } }', 'way: values: soon is not a duration'),
    wrong('"x"', '{ "way", values = "x" }', 'way: values is a list'),
  ]);
});

test('a cell that no fact of its type can fit is told', async () => {
  const never = (row, told) => [told, { 'decisions/way.lua': decision(row) }, `plugins/probe/decisions/way.lua:5: decision probe.way: row 1, ${told}`];

  await tells([
    never(`{ '"80"', "-", "x" }`, 'score: "\\"80\\"": lead.score is of type integer and never fits a text'),
    never('{ "-", "> 80", "x" }', 'region: "> 80": lead.region is of type text and never fits a number'),
    never('{ "5, true", "-", "x" }', 'score: "5, true": lead.score is of type integer and never fits a boolean'),
  ]);
  assert.match(await check({ 'decisions/way.lua': decision(`{ "null, 5", 'not("east")', "x" }`) }), /^good/);
});

test('what a plugin would keep from one request to the next is refused with file and line', async () => {
  const rule = (text) => `local seen, count = {}, 0
mill.rule "probe.kept" {
  title = { en = "x", zh = "x" }, on = "lead.created",
  run = function(lead)
    ${text}
  end,
}
`;
  const place = 'what must be remembered lies in records, or in mill.cache';

  await tells([
    ['a table', { 'rules.lua': rule('seen[lead.id] = true') }, `plugins/probe/rules.lua:5: seen is changed, and so kept from one request to the next: ${place}`],
    ['a variable', { 'rules.lua': rule('count = count + 1') }, `plugins/probe/rules.lua:5: count is set, and so kept from one request to the next: ${place}`],
    ['a global', { 'rules.lua': rule('total = 1') }, `plugins/probe/rules.lua:5: the global total is set, and would be kept from one request to the next: ${place}`],
    ['a global at the top', { 'rules.lua': '\ntotal = 1\n' }, 'plugins/probe/rules.lua:2: globals are not kept', 'mill.cache'],
  ]);
  assert.match(await check({ 'rules.lua': rule('local mine = {} mine[lead.id] = seen[1] mine = count') }), /^good/);
});

test('a name that is misspelt is told with its line and with what may have been meant', async () => {
  const field = (given, told) => [told, { 'entities.lua': entity(`${given} ${label} },`) }, `plugins/probe/entities.lua:3: ${told}`];
  const file = (name, text, told, line) => [told, { [name]: text }, `plugins/probe/${name}:${line}: ${told}`];
  const grant = (text, told) => file('access.lua', `mill.access "lead" {\n  { role = "agent", ${text} },\n}\n`, told, 2);
  const in_manifest = (text, told) => file('plugin.lua', manifest.replace(' }\n', `,\n  ${text} }\n`).replace('} }, ', '}, '), told, 2);
  const rule = (text) => `mill.rule "probe.rule" {\n  title = { en = "x", zh = "x" },\n  ${text}\n}\n`;

  await tells([
    in_manifest('permisions = {}', 'a manifest has no property permisions; did you mean permissions?'),
    in_manifest('permissions = { "elevat" }', 'there is no permission elevat; there are: elevate, files, mail, net, sql; did you mean elevate?'),
    in_manifest('settings = { days = { type = "interger", default = 1, label = { en = "x", zh = "x" } } }',
      'the setting days: there is no type interger; there are boolean, currency, duration, integer, text; did you mean integer?'),
    field('{ "size", "integr",', 'probe.size: there is no field type integr; did you mean integer?'),
    field('{ "size", "integer", reqired = true,', 'probe.size: a field has no property reqired; did you mean required?'),
    field('{ "size", "reference", to = "custmer",', 'probe.size refers to the unknown entity custmer; did you mean customer?'),
    file('entities.lua', entity('', 'dispaly = "name",'), 'entity probe has no property dispaly; did you mean display?', 4),
    file('entities.lua', entity('').replace('display = "name"', 'display = "nmae"'),
      'entity probe: display names the unknown field nmae; did you mean name?', 2),
    file('entities.lua', 'mill.extend "laed" {}\n', 'mill.extend: there is no entity laed; did you mean lead?', 1),
    grant('allow = { "raed" }', 'mill.access lead: there is no action or move raed; did you mean read?'),
    grant('allow = { "acept" }', 'mill.access lead: there is no action or move acept; did you mean accept?'),
    grant('alow = { "read" }', 'mill.access lead: grant 1 has no property alow; did you mean allow?'),
    grant('allow = { "read" }, where = "unit_subtre"', 'mill.access lead: there is no policy unit_subtre; possible are all, own, unit, unit_subtree, unit_above, partner; did you mean unit_subtree?'),
    grant('allow = { "read" }, fields = { "scor" }', 'mill.access lead: grant 1 names the unknown field scor; did you mean score?'),
    file('rules.lua', rule('on = "lead.created", rnu = function() end'), 'rule probe.rule has no property rnu; did you mean run?', 3),
    file('rules.lua', rule('on = "laed.created", run = function() end'), 'rule probe.rule: there is no entity laed; did you mean lead?', 3),
    file('rules.lua', rule('on = "lead.create", run = function() end').replace('.create"', '.creatd"'),
      'rule probe.rule: on = "lead.creatd" is no event; an event is ENTITY.created, .changed or .archived; did you mean created?', 1),
    file('rules.lua', rule('on = "lead.created", uses = "lead.rout", run = function() end'),
      'rule probe.rule uses the decision lead.rout, which does not exist; did you mean lead.route?', 1),
    file('rules.lua', 'mill.rulle "x" {}\n', 'there is no mill.rulle; did you mean mill.rule?', 1),
    file('rules.lua', '\nmil.rule "x" {}\n', 'there is no global mil; did you mean mill?', 2),
    file('rules.lua', '\nlocal x = mill.setting "lead_acept_within"\n',
      'mill.setting: there is no setting lead_acept_within; there are base_currency, customer_reads_a_day, lead_accept_within; did you mean lead_accept_within?', 2),
    file('decisions/way.lua', decision('{ "-", "-", "x" }').replace('lead.region', 'lead.regoin'),
      'decision probe.way: the fact region is of lead.regoin, which does not exist; did you mean region?', 3),
    file('decisions/way.lua', decision('{ "-", "-", "x" }').replace('hit =', 'hitt ='), 'decision probe.way has no property hitt; did you mean hit?', 2),
    file('actions.lua', 'mill.action "laed.go" { title = { en = "x", zh = "x" }, run = function() end }\n',
      'mill.action "laed.go": the name must be ENTITY.ACTION, of an entity that exists; did you mean lead?', 1),
    file('pages.lua', 'mill.page "/x" {\n  fiel = "x.html" }\n', 'mill.page /x has no property fiel; did you mean file?', 2),
  ]);
});

test('a decision that a rule uses and nobody declares is told with the rule', async () => {
  const rule = 'mill.rule "probe.way" {\n  title = { en = "x", zh = "x" }, on = "lead.created", uses = { "lead.rout" }, run = function() end,\n}\n';

  await tells([
    ['a wrong name', { 'rules.lua': rule }, 'plugins/probe/rules.lua:1: rule probe.way uses the decision lead.rout, which does not exist'],
  ]);
});

test('the shipped routing cannot go missing unseen', async () => {
  await rm(join(home, 'plugins/lead/decisions/route.lua'));

  await tells([['without the file', {}, 'rule lead.offer uses the decision lead.route, which does not exist']]);
});
