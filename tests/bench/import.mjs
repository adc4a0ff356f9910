// tests/bench/import.mjs: an import of leads, beside replay, which runs the statements of that very run on a copy of the database;
// and one person's creates, one after another, while a file of a million rows is being imported.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { root, start, tidemill } from '../support/server.mjs';
import { copy_of, database_in, make_config, pairs, preload, progress, replay, run, seconds, spread, work } from './common.mjs';

const ROWS = Number(process.env.IMPORT_ROWS ?? 20_000);
const MANY = 1_000_000;
const owners = ['anna.snelling', 'cecily.lampkin', 'darcel.schlecht', 'donn.cantrell', 'versie.hillebrand'];

async function make_file(name, rows) {
  const path = join(work, name);
  const out = createWriteStream(path);
  out.write('number,name,company,phone,email,source,region,score,stage,owner\n');
  for (let i = 0; i < rows; i += 1) {
    const line = `L-${i},Name ${i % 7919},Company ${i % 997},+1 555 ${String(i).padStart(7, '0')},n${i}@example.com,web,east,${i % 101},` +
      `accepted,${owners[i % owners.length]}\n`;
    if (!out.write(line)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  return path;
}

const command = (config, data, path) => [
  'import', 'numbered_lead', path, '--json', '--config', config, '--data', data, '--rejects', join(work, 'rejects.csv'),
];

async function measure_import(config, demo, path) {
  const found = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const record = join(work, 'record');
    const data = await copy_of(demo.data, 'import');
    const server = await start({ config, data, args: ['--record', record] });
    let took;
    let report;
    try {
      const began = performance.now();
      report = JSON.parse((await run(tidemill, command(config, data, path), { cwd: root })).stdout);
      took = (performance.now() - began) / 1000;
    } finally {
      await server.stop();
    }
    if (report.created !== ROWS) throw new Error(`the import says ${JSON.stringify(report)}`);
    const again = await replay(database_in(await copy_of(demo.data, 'replay')), record);
    found.push({ rate: ROWS / took, plain: ROWS / again.seconds });
    progress('import', pair);
  }
  return found;
}

// Creates for as long as `going` says so; how long each took.
async function creates(admin, body, going) {
  const times = [];
  while (going()) {
    const began = performance.now();
    const { status, text } = await admin.post('/api/v1/lead', body);
    if (status !== 201) throw new Error(`create: ${status} ${text}`);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b);
}

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

async function measure_creates(config, demo, path) {
  const data = await copy_of(demo.data, 'beside');
  const server = await start({ config, data });
  const alone = [];
  const beside = [];
  const importer = spawn(tidemill, command(config, data, path), { cwd: root, stdio: 'ignore' });
  let over = false;
  const ended = once(importer, 'close').then(() => { over = true; });
  const admin = await server.log_in('admin');
  const count = async () => {
    const { status, text, body } = await admin.get('/api/v1/lead/summary?count');
    if (status !== 200) throw new Error(`${status} ${text}`);
    return body.data[0].count;
  };
  let imported = 0;
  let took = 0;
  try {
    const body = { ...JSON.parse(demo.body) };
    await new Promise((later) => setTimeout(later, 1000));
    for (let pair = 0; pair < pairs; pair += 1) {
      const began = performance.now();
      const before = await count();
      const times = await creates(admin, body, () => performance.now() - began < seconds * 1000 && !over);
      imported += (await count()) - before - times.length;
      took += (performance.now() - began) / 1000;
      if (over) throw new Error('the import ended too soon');
      beside.push({ p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: times[times.length - 1], count: times.length });
      progress('creates', pair);
    }
    importer.kill('SIGTERM');
    await ended;
    for (let pair = 0; pair < pairs; pair += 1) {
      const began = performance.now();
      const times = await creates(admin, body, () => performance.now() - began < (seconds * 1000) / 3);
      alone.push({ p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: times[times.length - 1], count: times.length });
    }
  } finally {
    importer.kill('SIGTERM');
    await ended;
    await server.stop();
  }
  return { alone, beside, rate: imported / took };
}

function print_creates(title, found) {
  const all = (pick) => spread(found.map(pick), 2).trim();
  console.log(`  ${title.padEnd(24)} median ${all((one) => one.p50)} ms, 99th percentile ${all((one) => one.p99)} ms, slowest ${all((one) => one.max)} ms`);
}

export async function measure() {
  const config = await make_config('import-root', { client: 'tests/bench/client' });
  const demo = await preload(config, 'import-preloaded');
  const imports = await measure_import(config, demo, await make_file('leads.csv', ROWS));
  console.log(`import of ${ROWS.toLocaleString('en')} leads`);
  console.log(`  server   ${spread(imports.map(({ rate }) => rate), 0)} rows a second`);
  console.log(`  plain C  ${spread(imports.map(({ plain }) => plain), 0)} rows a second`);
  console.log(`  server / plain C: rate ${spread(imports.map(({ rate, plain }) => (100 * rate) / plain), 0).trim()} %`);

  const many = await make_file('many.csv', MANY);
  const { alone, beside, rate } = await measure_creates(config, demo, many);
  console.log(`one person's creates while ${MANY.toLocaleString('en')} rows are imported (${Math.round(rate).toLocaleString('en')} rows a second meanwhile)`);
  print_creates('during the import', beside);
  print_creates('alone', alone);
  await rm(many);
}
