// tests/support/faults.mjs: starts the server over the file layer for faults, and steers that layer.

import { connect } from 'node:net';
import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { root, start } from './server.mjs';

export const faulty = process.env.TIDEMILL_FAULTS ?? join(root, 'build/faults/tidemill');
export const mutant = (name) => join(faulty, '../../mutants', name);

// Folders go with the process that made them, also when a test fails.
const folders = [];
process.once('exit', () => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }); });

export async function new_folder() {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-faults-'));
  folders.push(folder);
  return folder;
}

// A data folder with all that `settings` brings at a first start, whole and closed.
export async function seeded(settings) {
  const data = await new_folder();
  await (await start({ data, config: settings })).stop();
  return data;
}

export async function copy_of(data) {
  const copy = await new_folder();
  await cp(data, copy, { recursive: true });
  return copy;
}

// The server over the file layer; `tell(line)` steers the layer (tests/faults/control.h).
export async function start_faulty(data, { program = faulty, config } = {}) {
  const path = join(await new_folder(), 'control.sock');
  const server = await start({ program, data, config, env: { TM_FAULT_SOCKET: path } });
  server.tell = (line) => new Promise((done, failed) => {
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.once('error', failed).once('data', (answer) => {
      socket.destroy();
      const words = answer.toString().trim();
      if (words.startsWith('ok')) done(words.slice(3));
      else failed(new Error(`${line}: ${words}`));
    });
  });
  return server;
}

export const later = (ms) => new Promise((done) => setTimeout(done, ms));
