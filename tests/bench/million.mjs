// tests/bench/million.mjs: a data folder with a million leads, made once and kept (make million).
//
//   node tests/bench/million.mjs FOLDER [COUNT]
//
// The server makes the tables and the demo company; through its API that becomes 34 units and 200 partners below the
// regions, with a chair for each agent and partner, and people who see 100, 500, 5,000, 150,000 and all leads:
// million.100, million.500, million.5000, million.150000, hq, and million.everywhere, a manager who sees all by the
// units below headquarters. million.c adds the leads.

import { execFileSync } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { demo_password, root, start } from '../support/server.mjs';

const SEED = 20261124;
const BRANCHES = 28;
const PARTNERS = 200;
const AGENTS_OF_A_BRANCH = 60;

const folder = resolve(process.argv[2]);
const count = Number(process.argv[3] ?? 1_000_000);
const part = `${folder}.part`;
const digits = (number, length) => String(number).padStart(length, '0');

async function make_company(server) {
  const admin = await server.log_in('admin');
  const list = async (path) => new Map((await admin.all(path)).map((one) => [one.code, one.id]));
  const make = async (path, body) => {
    const { status, text, body: answer } = await admin.post(`/api/v1/${path}`, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
    return answer.data.id;
  };
  const roles = await list('/api/v1/role');
  const units = await list('/api/v1/unit');
  const chair = (code, unit, role, holder) => make('position', { code, name: code, unit, role: roles.get(role), holder });
  const person = async (login, unit, role) => {
    const holder = await make('user', { login, name: login, unit, password: demo_password });
    return chair(login, unit, role, holder);
  };

  for (const region of ['north', 'south']) {
    units.set(region, await make('unit', { code: region, name: region, kind: 'region', parent: units.get('headquarters') }));
  }
  const regions = ['north', 'south', 'central', 'east', 'west'];
  const branches = [...units].filter(([code]) => /^(central|east|west)-/.test(code)).map(([, id]) => id);
  let north;
  for (let i = 0; branches.length < BRANCHES; i += 1) {
    const region = regions[i % regions.length];
    const code = `${region}-${digits(i, 2)}`;
    const branch = await make('unit', { code, name: code, kind: 'branch', parent: units.get(region) });
    north ??= branch;
    branches.push(branch);
  }
  for (const [i, branch] of branches.entries()) {
    for (let k = 0; k < AGENTS_OF_A_BRANCH; k += 1) await chair(`agent-${digits(i * AGENTS_OF_A_BRANCH + k, 4)}`, branch, 'agent');
  }
  for (let i = 1; i <= PARTNERS; i += 1) {
    const code = `partner-${digits(i, 3)}`;
    const unit = await make('unit', { code, name: code, kind: 'partner', parent: units.get(regions[(i - 1) % regions.length]) });
    if (i === 1) await person('million.5000', unit, 'partner');
    else await chair(code, unit, 'partner');
  }
  await person('million.100', north, 'agent');
  await person('million.500', north, 'agent');
  await person('million.150000', units.get('north'), 'manager');
  await person('million.everywhere', units.get('headquarters'), 'manager');
}

await rm(part, { recursive: true, force: true });
const server = await start({ data: part });
try {
  await make_company(server);
} finally {
  await server.stop();
}
const words = execFileSync(join(root, 'build/bench/million'), [join(part, 'tenants/demo/tenant.db'), String(count), String(SEED)]);
await rename(part, folder);
process.stdout.write(`${folder}: ${words}`);
