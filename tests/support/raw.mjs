// tests/support/raw.mjs: HTTP by hand: bytes out, answers in, nothing put right on the way.
//
//   const wire = await connect(server.url);
//   wire.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
//   const { status, headers, text } = await wire.answer();
//   await wire.closed();

import { connect as open } from 'node:net';

const PATIENCE_MS = 8000;

class Wire {
  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.wake = () => {};
    socket.on('data', (more) => { this.bytes = Buffer.concat([this.bytes, more]); this.wake(); });
    socket.on('end', () => { this.ended = true; this.wake(); });
    socket.on('close', () => { this.ended = true; this.wake(); });
    socket.on('error', () => { this.ended = true; this.wake(); });
  }

  // Bytes as they are; a text goes out as UTF-8.
  send(bytes) {
    if (!this.socket.destroyed) this.socket.write(bytes);
    return this;
  }

  // Says that nothing more will come; answers can still be read.
  finish() { this.socket.end(); return this; }

  drop() { this.socket.destroy(); }

  // Waits until `look` finds something in what has come; null when the other side has ended before.
  async until(look, what) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = look(this.bytes);
      if (found !== undefined) return found;
      if (this.ended) return null;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no ${what} within ${PATIENCE_MS} ms; there is ${JSON.stringify(this.bytes.toString('latin1'))}`);
      await new Promise((woken) => {
        const timer = setTimeout(woken, left);
        this.wake = () => { clearTimeout(timer); woken(); };
      });
    }
  }

  /* The next answer; `head` says that it belongs to a HEAD request and so has no body. Null at the end of the connection. */
  async answer({ head = false } = {}) {
    const end = await this.until((bytes) => {
      const at = bytes.indexOf('\r\n\r\n');
      return at < 0 ? undefined : at;
    }, 'answer');
    if (end === null) {
      if (this.bytes.length > 0) throw new Error(`half an answer: ${JSON.stringify(this.bytes.toString('latin1'))}`);
      return null;
    }
    const [first, ...lines] = this.bytes.subarray(0, end).toString('latin1').split('\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(first) ?? [];
    if (!status) throw new Error(`no status line: ${first}`);
    const headers = {};
    for (const line of lines) {
      const [, name, value] = /^([^:\s]+): ?(.*)$/.exec(line) ?? [];
      if (!name) throw new Error(`no header: ${line}`);
      headers[name.toLowerCase()] = value;
    }
    const bare = head || status[0] === '1' || status === '204' || status === '304';
    const length = bare ? 0 : Number(headers['content-length']);
    const whole = await this.until((bytes) => bytes.length >= end + 4 + length ? true : undefined, 'whole body');
    if (!whole) throw new Error('the connection ended inside a body');
    const text = this.bytes.subarray(end + 4, end + 4 + length).toString('utf8');
    this.bytes = this.bytes.subarray(end + 4 + length);
    const is_json = /[/+]json\b/.test(headers['content-type'] ?? '');
    return { status: Number(status), headers, text, body: is_json && text !== '' ? JSON.parse(text) : null };
  }

  // Waits until the other side has ended the connection, with nothing more said.
  async closed() {
    await this.until((bytes) => bytes.length > 0 ? true : undefined, 'end of the connection');
    if (this.bytes.length > 0) throw new Error(`more came: ${JSON.stringify(this.bytes.toString('latin1'))}`);
  }
}

export async function connect(url) {
  const { hostname, port } = new URL(url);
  const socket = open(Number(port), hostname);
  await new Promise((ready, failed) => socket.once('connect', ready).once('error', failed));
  socket.setNoDelay(true);
  return new Wire(socket);
}

/* One request on a connection of its own, with the body as bytes; the answer. */
export async function exchange(url, method, path, { headers = {}, body } = {}) {
  const wire = await connect(url);
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${new URL(url).host}`, 'Connection: close'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) lines.push(`Content-Length: ${bytes.length}`);
  wire.send(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]));
  const answer = await wire.answer({ head: method === 'HEAD' });
  wire.drop();
  return answer;
}
