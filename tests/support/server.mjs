// tests/support/server.mjs: starts the server for a test, in a folder of its own, and speaks HTTP with it.
//
//   const server = await start();                  // the demo client, on a free port, in a new folder
//   const anna = await server.log_in('anna.snelling');
//   const { status, body } = await anna.get('/api/v1/lead');
//   await server.stop();

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const tidemill = process.env.TIDEMILL ?? join(root, 'build/tidemill');
export const demo_password = 'tidemill-demo';

// How many times longer things may take: a sanitizer slows the server down.
export const slow = process.env.VARIANT ? 4 : 1;

/* A port on which nobody listens just now. */
export async function free_port() {
  const probe = createServer();
  await new Promise((listening, failed) => probe.once('error', failed).listen(0, '127.0.0.1', listening));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return port;
}

// Sends a request and reads the answer; JSON is decoded into `body`, and `text` is what came.
export async function request(url, method, path, { body, headers = {} } = {}) {
  const sent = { ...headers };
  if (body !== undefined && sent['content-type'] === undefined) sent['content-type'] = 'application/json';
  const response = await fetch(url + path, {
    method, headers: sent, redirect: 'manual',
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const is_json = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, body: is_json && text !== '' ? JSON.parse(text) : null };
}

// Somebody who has signed in; or, without a cookie, nobody.
export class Client {
  constructor(url, cookie) {
    this.url = url;
    this.cookie = cookie;
  }

  request(method, path, body, headers = {}) {
    const own = this.cookie ? { cookie: this.cookie, ...headers } : headers;
    return request(this.url, method, path, { body, headers: own });
  }

  get(path) { return this.request('GET', path); }
  post(path, body = {}) { return this.request('POST', path, body); }
  patch(path, body) { return this.request('PATCH', path, body); }
  delete(path) { return this.request('DELETE', path); }

  // All records of a list, page by page.
  async all(path) {
    const found = [];
    let cursor = null;
    do {
      const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
      const { status, body } = await this.get(`${path}${path.includes('?') ? '&' : '?'}limit=200${more}`);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
      found.push(...body.data);
      cursor = body.next;
    } while (cursor);
    return found;
  }
}

export async function log_in(url, login, password = demo_password) {
  const answer = await request(url, 'POST', '/api/v1/session', { body: { login, password } });
  if (answer.status !== 201) throw new Error(`log in as ${login}: ${answer.status} ${answer.text}`);
  return new Client(url, answer.headers.get('set-cookie').split(';')[0]);
}

class Server {
  constructor(child, url, data, own_data) {
    Object.assign(this, { child, url, data, own_data, output: '' });
    this.ended = new Promise((done) => child.once('close', (code, signal) => done({ code, signal })));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
  }

  // What the server has printed so far, both streams in the order of arrival.
  get logs() { return this.output; }

  get nobody() { return new Client(this.url); }

  log_in(login, password) { return log_in(this.url, login, password); }

  async ready(within_ms) {
    const until = Date.now() + within_ms;
    let over = false;
    this.ended.then(() => { over = true; });
    while (Date.now() < until && !over) {
      const status = await fetch(`${this.url}/readyz`).then((answer) => answer.status, () => 0);
      if (status === 200) return;
      await new Promise((later) => setTimeout(later, 50));
    }
    this.child.kill('SIGKILL');
    await this.ended;
    if (this.own_data) await rm(this.data, { recursive: true, force: true });
    throw new Error(`the server ${over ? 'ended' : `was not ready within ${within_ms} ms`}:\n${this.output}`);
  }

  // SIGTERM: what is in flight is finished. Takes the folder away unless it was given. A server that ends otherwise than
  // with status 0, or has ended before, has failed.
  stop() {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 20_000 * slow);
    return this.end('SIGTERM', ({ code }) => code === 0).finally(() => clearTimeout(timer));
  }

  // SIGKILL: as if the power went. The folder stays when it was given. A server that has ended before has failed.
  kill() { return this.end('SIGKILL', (end) => end.signal === 'SIGKILL'); }

  async end(signal, is_good) {
    this.child.kill(signal);
    const end = await this.ended;
    if (this.own_data) await rm(this.data, { recursive: true, force: true });
    if (!is_good(end)) throw new Error(`the server ended with ${end.signal ?? `status ${end.code}`}:\n${this.output}`);
    return end;
  }
}

/* Starts the server and waits until it is ready.
 *   program   the program, else $TIDEMILL or build/tidemill
 *   config    the settings file, else config/tidemill.lua of the repository
 *   data      a folder, else a new one that ends with the server
 *   port      else a free one
 *   args      further arguments; env: further environment
 *   cwd       where it runs, else the repository
 *   within_ms how long it may take to be ready */
export async function start(options = {}) {
  const data = options.data ?? await mkdtemp(join(tmpdir(), 'tidemill-test-'));
  const port = options.port ?? await free_port();
  const child = spawn(options.program ?? tidemill, [
    'serve', '--config', options.config ?? join(root, 'config/tidemill.lua'), '--data', data, '--listen', `127.0.0.1:${port}`,
    ...(options.args ?? []),
  ], { cwd: options.cwd ?? root, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const failed = new Promise((_, reject) => child.once('error', reject));
  const server = new Server(child, `http://127.0.0.1:${port}`, data, options.data === undefined);
  await Promise.race([server.ready(options.within_ms ?? 60_000 * slow), failed]);
  return server;
}
