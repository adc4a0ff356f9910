// tests/http/demo_access.test.mjs: what each of the demo's people may and may not, on every route there is.
//
// Each route is tried by each actor with a record that is theirs to see (`near`) and one that is not (`far`). What should come of it
// follows from the table `rights` alone. A route of which this file knows nothing fails.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { root, start, tidemill } from '../support/server.mjs';

const ACTORS = {
  administrator: 'admin', headquarters: 'hq', manager: 'dustin.brinkmann', agent: 'anna.snelling', partner: 'partner',
};
const ALL = ['read', 'create', 'update', 'archive', 'decisions', 'offer', 'accept', 'pool', 'recycle', 'convert', 'drop', 'engage',
  'win', 'lose', 'reopen'];

// What each role may do: `near` to records that are theirs, `far` to all others.
const read = ['read'];
const reader = { near: read, far: read };
const everything = { near: ALL, far: ALL };
const nothing = { near: [], far: [] };
const manager_lead = ['read', 'decisions', 'create', 'update', 'offer', 'accept', 'recycle', 'convert', 'drop'];
const agent_lead = ['read', 'decisions', 'create', 'update', 'accept', 'recycle', 'convert', 'drop'];
const partner_lead = ['read', 'update', 'accept', 'recycle', 'convert', 'drop'];

const rights = {
  role: { headquarters: reader, manager: reader, agent: nothing, partner: nothing },
  unit: { headquarters: reader, manager: reader, agent: reader, partner: { near: read, far: [] } },
  user: { headquarters: reader, manager: reader, agent: reader, partner: { near: read, far: [] } },
  position: { headquarters: reader, manager: reader, agent: reader, partner: nothing },
  customer: {
    headquarters: reader, manager: { near: ['read', 'create', 'update'], far: read }, agent: reader, partner: nothing,
  },
  contact: { headquarters: reader, manager: reader, agent: reader, partner: nothing },
  product: { headquarters: reader, manager: reader, agent: reader, partner: nothing },
  lead: {
    headquarters: { near: ['read', 'decisions'], far: ['read', 'decisions'] },
    manager: { near: manager_lead, far: [] },
    agent: { near: agent_lead, far: [] },
    partner: { near: partner_lead, far: [] },
  },
  opportunity: {
    headquarters: reader,
    manager: { near: ['read', 'create', 'update', 'engage', 'win', 'lose', 'reopen'], far: [] },
    agent: { near: ['read', 'create', 'update', 'engage', 'win', 'lose'], far: [] },
    partner: { near: ['read', 'update', 'engage', 'win', 'lose'], far: [] },
  },
};

// The stage from which a move is tried, and what it needs. A new lead is routed at once, so that none can be pooled by hand. A
// pooled lead belongs to nobody: agents and partners see none.
const moves = {
  lead: {
    offer: { from: 'pooled', unseen_by: ['agent', 'partner'] }, accept: { from: 'offered' }, pool: { from: 'accepted', status: 409 }, recycle: { from: 'accepted' },
    convert: { from: 'accepted' }, drop: { from: 'accepted' },
  },
  opportunity: {
    engage: { from: 'prospecting' }, win: { from: 'engaging' }, lose: { from: 'engaging' }, reopen: { from: 'won' },
  },
};

const updates = {
  role: { name: 'Renamed' }, unit: { phone: '123' }, user: { phone: '123' }, position: { to: '2099-12-31' },
  customer: { sector: 'retail' }, contact: { position: 'Buyer' }, product: { series: 'X' }, lead: { company: 'Access Ltd' },
  opportunity: { closed_on: '2026-12-31' },
};

let server;
let people;
let here; // the demo's records by what names them
let made = 0;

before(async () => {
  server = await start();
  people = { nobody: server.nobody };
  for (const [role, login] of Object.entries(ACTORS)) people[role] = await server.log_in(login);

  const admin = people.administrator;
  const map = async (entity, key) => new Map((await admin.all(`/api/v1/${entity}`)).map((record) => [record[key], record]));
  here = {
    units: await map('unit', 'code'), positions: await map('position', 'code'), users: await map('user', 'login'),
    customers: await map('customer', 'name'), products: await map('product', 'name'), roles: await map('role', 'code'),
  };
});
after(() => server?.stop());

// Whose a record is, so that it is near or far for a role. Of those who see everything, nothing is far.
function place(role, where) {
  const of = (unit, owner) => ({ unit: here.units.get(unit).id, owner: here.positions.get(owner).id });
  const ours = of('central-brinkmann', 'anna.snelling');
  const theirs = of('harbor', 'partner');
  const others = of('east-losch', 'corliss.cosme');
  if (where === 'far') return others;
  return role === 'partner' ? theirs : ours;
}

// The region whose pool has what nobody has at a place.
const region_of = ({ unit }) => ({ 'central-brinkmann': 'central', harbor: 'west', 'east-losch': 'east' })[
  [...here.units.values()].find((one) => one.id === unit).code];

// The fields of a new record of an entity, at a place.
function fresh(entity, at, stage) {
  const mark = `Access ${made += 1}`;
  const code = `access-${made}`;
  switch (entity) {
    case 'role': return { code, name: mark };
    case 'unit': return { code, name: mark, kind: 'branch', parent: at.unit };
    case 'user': return { login: code, name: mark, unit: at.unit };
    case 'position': return { code, name: mark, unit: at.unit };
    case 'customer': return { name: mark, unit: at.unit };
    case 'contact': return { name: mark };
    case 'product': return { name: mark };
    case 'lead': return { name: mark, ...at, ...(stage && { stage }), ...(stage === 'pooled' && { region: region_of(at) }) };
    case 'opportunity': return {
      number: code, ...at, ...(stage && { stage }), ...(stage && { customer: here.customers.get('Acme Corporation').id }),
    };
    default: throw new Error(`this test does not know how to make a ${entity}`);
  }
}

async function make(entity, at, stage) {
  // The partner company itself is what a partner sees of the units.
  if (entity === 'unit' && at.unit === here.units.get('harbor').id) return at.unit;
  const { status, body } = await people.administrator.post(`/api/v1/${entity}`, fresh(entity, at, stage));
  assert.equal(status, 201, JSON.stringify(body));
  return body.data.id;
}

const may = (role, entity, where, action) =>
  role === 'administrator' || rights[entity][role][where].includes(action);

// What a role should get for an action on a record. Who reads nothing of an entity is told so; a record that one may not see is as
// if it were not there.
function expected(role, entity, where, action, good) {
  const reads_any = may(role, entity, 'near', 'read');
  if (!reads_any) return 403;
  if (!may(role, entity, where, 'read')) return 404;
  return may(role, entity, where, action) ? good : 403;
}

const OFFER = () => ({ owner: here.positions.get('anna.snelling').id });
const ENGAGE = () => ({ customer: here.customers.get('Acme Corporation').id });

// A route, taken apart: entity and what is done to it.
function understand({ method, pattern }) {
  const [, entity, rest = ''] = /^\/api\/v1\/(\w+)(\/.*)?$/.exec(pattern) ?? [];
  if (!entity || !rights[entity]) return null;
  const action = {
    'GET ': 'list', 'POST ': 'create', 'GET /summary': 'summary', 'GET /{id}': 'read', 'PATCH /{id}': 'update',
    'DELETE /{id}': 'archive', 'GET /{id}/decisions': 'decisions',
  }[`${method} ${rest}`];
  if (action) return { entity, action };
  const move = method === 'POST' && /^\/\{id\}\/(\w+)$/.exec(rest)?.[1];
  return move && moves[entity]?.[move] ? { entity, action: move, move: moves[entity][move] } : null;
}

async function try_on_record(role, { entity, action, move }, where) {
  const at = place(role, where);
  const id = await make(entity, at, move?.from);
  const path = `/api/v1/${entity}/${id}`;
  const client = people[role];
  const body = role === 'partner' ? {} : { offer: OFFER, engage: ENGAGE }[action]?.() ?? {};

  const answer = action === 'read' ? await client.get(path)
    : action === 'decisions' ? await client.get(`${path}/decisions`)
      : action === 'update' ? await client.patch(path, updates[entity])
        : action === 'archive' ? await client.delete(path)
          : await client.post(`${path}/${action}`, body);
  const wanted = move?.unseen_by?.includes(role) ? 404 : expected(role, entity, where, action, move?.status ?? 200);
  return { answer, wanted, what: `${where} ${path}` };
}

async function try_route(role, route, where) {
  const { entity, action } = route;
  const client = people[role];
  const reads = may(role, entity, 'near', 'read');
  switch (action) {
    case 'list':
      return { answer: await client.get(`/api/v1/${entity}`), wanted: reads ? 200 : 403, what: '' };
    case 'summary':
      return { answer: await client.get(`/api/v1/${entity}/summary?count`), wanted: reads ? 200 : 403, what: '' };
    case 'create': {
      const body = fresh(entity, place(role, where));
      const wanted = may(role, entity, where, 'create') ? 201 : 403;
      return { answer: await client.post(`/api/v1/${entity}`, body), wanted, what: `${where} ${JSON.stringify(body)}` };
    }
    default:
      return try_on_record(role, route, where);
  }
}

const routes = JSON.parse(execFileSync(tidemill, [
  'check', '--config', join(root, 'config/tidemill.lua'), '--routes', '--json',
], { cwd: root, encoding: 'utf8' }));

for (const route of routes) {
  const { method, pattern } = route;

  if (pattern === '/metrics') continue; // tests/http/metrics.test.mjs
  if (!pattern.startsWith('/api/')) {
    test(`${method} ${pattern} is a page, open to all`, async () => {
      assert.equal(method, 'GET');
      assert.equal(route.open, true);
      for (const client of Object.values(people)) assert.equal((await client.get(pattern)).status, 200);
    });
    continue;
  }
  if (pattern === '/api/v1/session') continue; // below

  // For administrators, whatever the records; what comes of them stands in generations.test.mjs and metered.test.mjs.
  if (pattern.startsWith('/api/v1/generation') || pattern === '/api/v1/meter') {
    test(`${method} ${pattern}`, async () => {
      const path = pattern.replace('{hash}', '0'.repeat(64));
      const body = method === 'GET' ? undefined : {};

      assert.equal(route.open, false);
      assert.equal((await people.nobody.request(method, path, body)).status, 401);
      for (const [who, client] of Object.entries(people)) {
        if (['nobody', 'administrator'].includes(who)) continue;
        assert.equal((await client.request(method, path, body)).status, 403, who);
      }
    });
    continue;
  }

  test(`${method} ${pattern}`, async () => {
    const known = understand(route);
    assert.ok(known, 'this test knows nothing of the route: say in its tables who may use it');
    assert.equal(route.open, false);

    const path = pattern.replace('{id}', await make(known.entity, place('agent', 'near')));
    const unknown = await people.nobody.request(method, path, method === 'GET' ? undefined : {});
    assert.equal(unknown.status, 401, unknown.text);
    for (const role of Object.keys(ACTORS)) {
      for (const where of ['near', 'far']) {
        const { answer, wanted, what } = await try_route(role, known, where);
        assert.equal(answer.status, wanted, `${role}: ${what}: ${answer.text}`);
      }
    }
  });
}

test('the session: nobody has none, and each has their own', async () => {
  assert.equal((await people.nobody.get('/api/v1/session')).status, 401);
  for (const [role, login] of Object.entries(ACTORS)) {
    const { status, body } = await people[role].get('/api/v1/session');
    assert.equal(status, 200);
    assert.equal(body.data.user.login, login);
    assert.deepEqual(body.data.roles, [role]);
  }
});

test('the session ends with the log-out, and a wrong password or cookie opens nothing', async () => {
  const anna = await server.log_in('anna.snelling');
  assert.equal((await anna.delete('/api/v1/session')).status, 204);
  assert.equal((await anna.get('/api/v1/lead')).status, 401);
  assert.equal((await anna.get('/api/v1/session')).status, 401);
  await assert.rejects(server.log_in('anna.snelling', 'wrong-password'), /401/);
  await assert.rejects(server.log_in('nobody.known'), /401/);
});

test('whatever is not a route is closed to nobody and unknown to others', async () => {
  for (const path of ['/api/v1/nothing', '/api/v1/lead/x/y/z', '/api/v2/lead', '/api/v1/session/x', '/api']) {
    assert.equal((await people.nobody.get(path)).status, 401, path);
    assert.equal((await people.administrator.get(path)).status, 404, path);
  }
});

test('the agent sees the own leads and opportunities and no other', async () => {
  const own = here.positions.get('anna.snelling').id;
  for (const entity of ['lead', 'opportunity']) {
    await make(entity, place('agent', 'near'));
    await make(entity, place('agent', 'far'));

    const seen = await people.agent.all(`/api/v1/${entity}`);

    assert.ok(seen.length > 0);
    for (const record of seen) assert.equal(record.owner, own);
  }
});

test('the manager sees the own branch and no other', async () => {
  const branch = here.units.get('central-brinkmann').id;

  const seen = await people.manager.all('/api/v1/opportunity');

  assert.ok(new Set(seen.map((record) => record.owner)).size > 1);
  for (const record of seen) assert.equal(record.unit, branch);
});

// Which fields of an entity a role gets, beside what every record has. (created_at and the like may be there or not.)
const COMMON = ['id', 'version', 'created_at', 'changed_at', 'archived_at'];

async function fields_seen(client, path) {
  const seen = new Set();
  for (const record of await client.all(path)) Object.keys(record).forEach((key) => seen.add(key));
  return [...seen].filter((key) => !COMMON.includes(key)).sort();
}

test('the agent knows units by code and name, and people and positions by name', async () => {
  assert.deepEqual(await fields_seen(people.agent, '/api/v1/unit'), ['code', 'name']);
  assert.deepEqual(await fields_seen(people.agent, '/api/v1/user'), ['name']);
  assert.deepEqual(await fields_seen(people.agent, '/api/v1/position'), ['name']);
});

test('a hidden field does not exist: in no filter, sort, sum, choice of fields or reference', async () => {
  for (const query of ['unit?kind=branch', 'unit?sort=parent', 'unit?fields=kind', 'unit?expand=parent', 'unit/summary?by=kind&count',
    'user?login=admin', 'user?login.has=a', 'user?sort=unit', 'user?password=x', 'user?fields=password', 'position?holder.null=true',
    'position?code=admin', 'position/summary?by=role&count', 'opportunity/summary?by=unit.parent&count', 'opportunity/summary?by=unit.kind&count',
    'opportunity/summary?by=owner.holder&count']) {
    const { status, text } = await people.agent.get(`/api/v1/${query}`);
    assert.equal(status, 400, `${query}: ${text}`);
  }

  const { body } = await people.agent.get('/api/v1/opportunity?limit=1&expand=owner,unit');
  assert.deepEqual(Object.keys(body.data[0].owner).filter((key) => !COMMON.includes(key)), ['name']);
  assert.deepEqual(Object.keys(body.data[0].unit).filter((key) => !COMMON.includes(key)).sort(), ['code', 'name']);
});

test('nobody at all gets a password out', async () => {
  const users = await people.administrator.all('/api/v1/user');
  assert.ok(users.length > 40);
  for (const user of users) assert.equal('password' in user, false);
  assert.equal((await people.administrator.get('/api/v1/user?password=x')).status, 400);
});

test('the manager sees whole people of the own branch only', async () => {
  const branch = here.units.get('central-brinkmann').id;
  const seen = await people.manager.all('/api/v1/user');
  assert.ok(seen.some((user) => user.login === 'anna.snelling'));
  for (const user of seen) {
    if ('login' in user) assert.equal(user.unit, branch);
    else assert.equal('unit' in user || 'phone' in user, false);
  }
  assert.deepEqual((await people.manager.get('/api/v1/user?login=corliss.cosme')).body.data, []);
});

test('the partner sees nothing of the vendor’s own, by no route', async () => {
  await make('lead', place('partner', 'near'));
  const opportunity = await make('opportunity', place('partner', 'near'), 'engaging');
  const texts = [];
  const paths = routes.filter((route) => route.method === 'GET' && route.pattern.startsWith('/api/v1/'))
    .map((route) => route.pattern);
  for (const pattern of paths) {
    if (!pattern.includes('{id}')) {
      texts.push((await people.partner.get(pattern.endsWith('/summary') ? `${pattern}?count` : pattern)).text);
      continue;
    }
    const entity = pattern.split('/')[3];
    for (const record of (await people.administrator.get(`/api/v1/${entity}?limit=200`)).body.data) {
      texts.push((await people.partner.get(pattern.replace('{id}', record.id))).text);
    }
  }
  for (const query of ['lead?expand=owner,unit,product', `opportunity/${opportunity}?expand=owner,customer,product,unit`,
    'user?expand=unit', 'lead/summary?by=owner,unit,product&count', 'opportunity/summary?by=customer,owner&count&sum=amount']) {
    texts.push((await people.partner.get(`/api/v1/${query}`)).text);
  }

  const vendor = [
    ...[...here.customers.values(), ...here.products.values()].map((record) => record.name),
    ...[...here.positions.values()].map((position) => position.name).filter((name) => !name.startsWith('Partner ')),
    ...[...here.users.values()].filter((user) => user.login !== 'partner').map((user) => user.name),
    ...[...here.units.values()].filter((unit) => unit.code !== 'harbor').flatMap((unit) => [`"${unit.name}"`, `"${unit.code}"`, unit.id]),
  ];
  for (const secret of vendor) {
    for (const text of texts) assert.equal(text.includes(secret), false, `${secret} in ${text}`);
  }
});

test('the partner cannot reach beyond the own company by changing a record', async () => {
  const { partner } = people;
  const lead = await make('lead', place('partner', 'near'), 'accepted');
  const opportunity = await make('opportunity', place('partner', 'near'), 'engaging');
  const east = here.units.get('east-losch').id;

  for (const [path, body] of [
    [`lead/${lead}`, { unit: east }], [`lead/${lead}`, { owner: here.positions.get('corliss.cosme').id }],
    [`lead/${lead}`, { product: here.products.get('GTX Pro').id }], [`lead/${lead}`, { score: 99 }],
    [`opportunity/${opportunity}`, { unit: east }], [`opportunity/${opportunity}`, { customer: here.customers.get('Initech').id }],
  ]) {
    const { status, text } = await partner.patch(`/api/v1/${path}`, body);
    assert.equal(status, 403, `${path} ${JSON.stringify(body)}: ${text}`);
  }
  assert.equal((await people.administrator.get(`/api/v1/lead/${lead}`)).body.data.unit, here.units.get('harbor').id);
});

test('a decision is shown to the vendor’s own people, and not to the partner', async () => {
  const { administrator } = people;
  const product = here.products.get('MG Special').id;
  const { body } = await administrator.post('/api/v1/lead', { name: 'Access routed', region: 'west', score: 60, product });
  const lead = body.data;
  assert.equal(lead.channel, 'partner');

  const decisions = await administrator.get(`/api/v1/lead/${lead.id}/decisions`);
  assert.equal(decisions.body.data[0].outcome.selector, 'unit:harbor');
  assert.equal((await people.headquarters.get(`/api/v1/lead/${lead.id}/decisions`)).status, 200);
  assert.equal((await people.partner.get(`/api/v1/lead/${lead.id}`)).status, 200);
  assert.equal((await people.partner.get(`/api/v1/lead/${lead.id}/decisions`)).status, 403);
});
