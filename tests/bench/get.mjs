// tests/bench/get.mjs: GET of one record by id, with a session and a unit's policy, 64 connections, no pipelining; beside
// reference_get, which answers the same bytes with as many threads.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

import { start } from '../support/server.mjs';
import { copy_of, folder, load, pairs, print_sides, progress, threads, work } from './common.mjs';

// One answer of the server as its bytes.
async function raw_answer(url, path, cookie) {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  const parts = [];
  for await (const part of socket) parts.push(part);
  const bytes = Buffer.concat(parts);
  if (!bytes.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(bytes.toString());
  return bytes;
}

async function free_port() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

async function measure_gets(config, demo) {
  const server = await start({ config, data: await copy_of(demo.data, 'get') });
  const answer = join(work, 'answer');
  await writeFile(answer, await raw_answer(server.url, demo.path, demo.anna));
  const port = await free_port();
  const plain = spawn(join(folder, 'reference_get'), [String(port), String(threads), answer], { stdio: 'inherit' });
  try {
    await new Promise((later) => setTimeout(later, 200));
    const sides = [
      ['server', server.child.pid, server.url + demo.path], ['plain', plain.pid, `http://127.0.0.1:${port}${demo.path}`],
    ];
    const found = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const figures = {};
      // Who goes first changes, so that neither always follows the other.
      for (const [side, pid, url] of pair % 2 === 0 ? sides : [...sides].reverse()) {
        figures[side] = await load(pid, 'get.lua', url, { COOKIE: demo.anna });
      }
      found.push(figures);
      progress('get', pair);
    }
    return { found, bytes: (await readFile(answer)).length };
  } finally {
    plain.kill('SIGKILL');
    await server.stop();
  }
}

export async function measure({ config, demo }) {
  const { found, bytes } = await measure_gets(config, demo);
  console.log(`get (${bytes} bytes an answer)`);
  print_sides('get', found);
}
