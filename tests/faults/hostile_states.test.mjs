// tests/faults/hostile_states.test.mjs: a task that breaks its budget costs the state in which it ran. What that meets: reads on
// a worker, changes in the home, rules, a new generation that comes meanwhile, a stop.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { make_root } from '../support/root.mjs';
import { slow, start } from '../support/server.mjs';

const rounds = 5;
const text = (words) => `{ en = "${words}", zh = "${words}" }`;

const manifest = `return { name = "spin", version = "1.0.0", api = 1, title = ${text('Spin')}, permissions = { "elevate" } }\n`;
const entities = `mill.entity "top" {
  label = ${text('Top')},
  fields = { { "name", "text", label = ${text('Name')} } },
}
`;
// Each route may break twice in a minute before it is shut, so there are many.
const actions = `for i = 1, ${rounds} do
  mill.action("top.spin_" .. i) {
    title = ${text('Spin')},
    run = function(top)
      mill.db.top:update(top, { name = "spun" })
      while true do end
    end,
  }
end
mill.action "top.version" { title = ${text('Version')}, run = function() return { version = 1 } end }
mill.action "top.write_everywhere" {
  title = ${text('Write everywhere')},
  run = function(top, body)
    mill.db.top:create { name = "a" }
    mill.db:as("system").top:create { name = "b" }
    mill.db:as(body.user).top:create { name = "c" }
    coroutine.wrap(function() mill.db.top:create { name = "d" } end)()
    pcall(function() mill.db.top:create { name = "e" } error "caught" end)
    local count = #mill.db.top:list { where = { ["name.in"] = { "a", "b", "c", "d", "e" } } }
    if body.fail then error "on purpose" end
    return { count = count }
  end,
}
`;
const rules = `mill.rule "top.spins" {
  title = ${text('Spins')}, on = "top.created",
  run = function(top)
    if top.name == "spin" then while true do end end
  end,
}
`;
const allow = ['read', 'create', 'update', 'version', 'write_everywhere'].map((name) => `"${name}"`);
for (let i = 1; i <= rounds; i += 1) allow.push(`"spin_${i}"`);
const access = `mill.access "top" { { role = "administrator", allow = { ${allow.join(', ')} } } }\n`;

let place, server, admin, top;

async function serve(...args) {
  place = await make_root({ plugins: { spin: {
    'plugin.lua': manifest, 'entities.lua': entities, 'actions.lua': actions, 'rules.lua': rules, 'access.lua': access,
  } } });
  // A read that never ends: no code of a plugin runs in reads.
  await place.edit('scripts/http.lua', 'local function handle(req, ctx)\n',
    'local function handle(req, ctx)\n  if req.query == "spin" then while true do end end\n');
  server = await start({ config: place.config, cwd: place.path, args });
  admin = await server.log_in('admin');
  top = (await admin.post('/api/v1/top', { name: 'as it was' })).body.data.id;
}
afterEach(async () => {
  await server?.stop();
  await place?.remove();
  server = place = null;
});

const name_of_top = async () => (await admin.get(`/api/v1/top/${top}`)).body.data.name;
const spin = (i) => admin.post(`/api/v1/top/${top}/spin_${i}`);
const later = (ms) => new Promise((go_on) => setTimeout(go_on, ms));

// Waits until the log since `from` says it.
async function told(words, from) {
  for (let i = 0; i < 400 * slow; i += 1) {
    if (words.test(server.logs.slice(from))) return;
    await later(25);
  }
  assert.fail(`the log does not say ${words}: ${server.logs.slice(from)}`);
}

// Asks for something again and again until it is told to stop; all answers.
function asking(ask) {
  const answers = [];
  let over = false;
  const work = (async () => {
    while (!over) answers.push(await ask());
  })();
  return async () => {
    over = true;
    await work;
    return answers;
  };
}

test('a read that breaks its budget on a worker fails alone, and the worker gets another state', async () => {
  await serve();
  const seen = server.logs.length;
  const stop = asking(() => admin.get('/api/v1/lead?limit=5'));

  const { status, body } = await admin.get('/api/v1/top?spin');
  const others = await stop();

  assert.equal(status, 500);
  assert.equal(body.title, 'The request took too long');
  assert.deepEqual([...new Set(others.map((one) => one.status))], [200]);
  await told(/made for a thread that had none/, seen);
  for (let i = 0; i < 10; i += 1) assert.equal(await name_of_top(), 'as it was');
});

test('a change that breaks its budget in the home is undone, and the next one finds another state', async () => {
  await serve();
  const seen = server.logs.length;

  const both = await Promise.all([spin(1), admin.post('/api/v1/top', { name: 'next' })]);

  assert.deepEqual(both.map(({ status }) => status), [500, 201]);
  assert.equal(both[0].body.title, 'The plugin spin took too long');
  assert.equal(both[0].body.detail, 'nothing was changed');
  assert.equal(await name_of_top(), 'as it was');
  await told(/made for a thread that had none/, seen);
});

test('a rule that breaks its budget takes its request along, and the plugin is named', async () => {
  await serve();

  const { status, body } = await admin.post('/api/v1/top', { name: 'spin' });

  assert.equal(status, 500);
  assert.equal(body.title, 'The plugin spin took too long');
  assert.deepEqual((await admin.get('/api/v1/top?name=spin')).body.data, []);
});

test('the actions of a plugin that broke its budget give way to the changes of others', async () => {
  await serve();
  const asked = [];
  const order = [];
  const note = (name) => ({ status }) => { order.push(`${name} ${status}`); };

  for (let i = 1; i <= rounds; i += 1) asked.push(spin(i).then(note('spin')));
  await later(50);
  for (let i = 0; i < 2; i += 1) asked.push(admin.post('/api/v1/top', { name: `other ${i}` }).then(note('other')));
  await Promise.all(asked);

  // They came last, and are not answered last.
  assert.deepEqual([...order].sort(), ['other 201', 'other 201', ...Array(rounds).fill('spin 500')]);
  assert.deepEqual(order.slice(-2), ['spin 500', 'spin 500']);
});

test('whatever writes in a request, writes in its unit of work: no handle is another one', async () => {
  await serve();
  const user = (await admin.get('/api/v1/user?login=admin')).body.data[0].id;
  const write = (fail) => admin.post(`/api/v1/top/${top}/write_everywhere`, { user, fail });
  const kept = async () => (await admin.get('/api/v1/top?name.in=a,b,c,d,e')).body.data.length;

  assert.equal((await write(true)).status, 500);
  assert.equal(await kept(), 0);
  assert.deepEqual((await write(false)).body, { data: { count: 5 } });
  assert.equal(await kept(), 5);
});

test('a new generation takes over while states are made again, and the old one is gone', async () => {
  await serve('--watch');
  const version = () => admin.post(`/api/v1/top/${top}/version`);
  const stops = [asking(() => admin.get('/api/v1/lead?limit=5')), asking(version), asking(() => admin.get(`/api/v1/top/${top}`))];

  for (let i = 1; i <= rounds; i += 1) {
    const seen = server.logs.length;
    const spins = [spin(i)];
    await later((i % 4) * 60);
    await place.edit('plugins/spin/actions.lua', `version = ${i} `, `version = ${i + 1} `);
    spins.push(admin.get('/api/v1/top?spin'));
    for (const { status } of await Promise.all(spins)) assert.ok([500, 503].includes(status), String(status));
    await told(/generation .*outcome=serves/, seen);
    for (let j = 0; j < 5; j += 1) assert.equal((await version()).body.data.version, i + 1);
  }
  const answers = (await Promise.all(stops.map((stop) => stop()))).flat();

  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(await name_of_top(), 'as it was');
});

test('a stop ends well while a task spins, and while its state is made again', async () => {
  for (const wait of [0, 100, 260, 320]) {
    await serve();
    const spinning = Promise.allSettled([spin(1), admin.get('/api/v1/top?spin')]);
    await later(wait * slow);

    await server.stop(); // fails unless it ends with status 0
    await spinning;
    server = null;
    await place.remove();
  }
});
