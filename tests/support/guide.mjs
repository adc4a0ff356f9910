// tests/support/guide.mjs: follows a guide of docs/ as a reader would, in a folder of its own, and says where it is wrong.
//
// What a block of the Markdown is, its language says:
//
//   sh          commands; one shell for the whole guide, so that variables stay
//   text, json  what the commands before it print: … stands for anything; in json blanks do not count
//   log         lines that the server says about what was done just before, others may stand between; … as above
//   lua         a file; its first line is a comment with its path
//   diff        a change of a file: `--- path`, `+++ path`, then lines that stay, go (-) and come (+)
//
// Comments, which a rendered page does not show, say what the test has to do in the reader's place:
//
//   <!-- test: serves -->  the next block starts the server: `make run` or `build/tidemill serve …`
//   <!-- test: stops -->   the reader has been told to stop the server
//   <!-- test: skips -->   the next block is not run
//
// Anything else, and a block that nothing checks, is an error.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { make_root } from './root.mjs';
import { free_port, start, tidemill } from './server.mjs';

const ADDRESS = '127.0.0.1:8080'; // in the guides
const SHELL_MS = 60_000;
const LOG_MS = 15_000;

/* The blocks of a text, and the comments for the test: [{ kind, mark, text, line }]. */
export function blocks_of(markdown) {
  const found = [];
  const lines = markdown.split('\n');
  let mark = null;
  for (let i = 0; i < lines.length; i += 1) {
    const comment = /^<!-- test: (\w+) -->$/.exec(lines[i]);
    const fence = /^(`{3,})(\S*)$/.exec(lines[i]);
    if (comment) {
      if (comment[1] === 'stops') found.push({ kind: 'stops', text: '', line: i + 1 });
      else mark = comment[1];
    } else if (fence) {
      const end = lines.indexOf(fence[1], i + 1);
      if (end < 0) throw new Error(`line ${i + 1}: the block has no end`);
      found.push({ kind: fence[2], mark, text: lines.slice(i + 1, end).join('\n'), line: i + 1 });
      mark = null;
      i = end;
    }
  }
  return found;
}

const is_output = (kind) => kind === 'text' || kind === 'json';
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const pattern_of = (text) => text.split('…').map(escaped).join('[^]*?');
const trimmed = (text) => text.split('\n').map((line) => line.trimEnd()).join('\n').trim();
// Without the blanks between values; those inside of texts stay.
const compact = (text) => text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string) => string ?? '');

/* Whether what was printed is what a block of that kind shows. */
export function fits(kind, shown, printed) {
  const form = kind === 'json' ? compact : trimmed;
  return new RegExp(`^${pattern_of(form(shown))}$`).test(form(printed));
}

// One bash for a whole guide.
class Shell {
  constructor(cwd, folder) {
    this.out = join(folder, 'out');
    this.script = join(folder, 'block.sh');
    this.child = spawn('bash', ['--noprofile', '--norc'], { cwd, stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.said = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.said += text; this.woken?.(); });
    this.child.once('close', () => { this.ended = true; this.woken?.(); });
  }

  async run(text) {
    await writeFile(this.script, `${text}\n`);
    this.said = '';
    this.child.stdin.write(`. '${this.script}' >'${this.out}' 2>&1 </dev/null; echo "status $?"\n`);
    const until = Date.now() + SHELL_MS;
    for (;;) {
      const status = /^status (\d+)$/m.exec(this.said)?.[1];
      if (status !== undefined) return { status: Number(status), printed: await readFile(this.out, 'utf8') };
      if (this.ended) throw new Error('the commands ended the shell');
      if (Date.now() > until) throw new Error(`the commands run for more than ${SHELL_MS / 1000} s`);
      await new Promise((done) => { this.woken = done; setTimeout(done, 1000).unref(); });
    }
  }

  end() {
    if (!this.ended) process.kill(-this.child.pid, 'SIGKILL');
  }
}

class Reader {
  constructor(root, folder, port) {
    Object.assign(this, { root, port, server: null, watched: false, seen: 0, printed: null });
    this.shell = new Shell(root.path, folder);
  }

  here(text) {
    return text.replaceAll(ADDRESS, `127.0.0.1:${this.port}`);
  }

  async serves(command) {
    const [, own] = /^build\/tidemill serve\b(.*)$/s.exec(command) ?? [];
    if (own === undefined && !/^make run( +#.*)?$/.test(command)) throw new Error('neither make run nor build/tidemill serve …');
    await this.stops();
    const args = own === undefined ? ['--watch'] : this.here(own.replaceAll('\\\n', ' ')).split(/\s+/).filter(Boolean);
    this.server = await start({
      config: this.root.config, cwd: this.root.path, data: join(this.root.path, 'data'), port: this.port, args,
    });
    this.watched = args.includes('--watch');
    this.seen = 0;
  }

  async stops() {
    if (this.server) await this.server.stop();
    this.server = null;
  }

  // Waits until what the server has said since the last step fits.
  async logged(fit) {
    const until = Date.now() + LOG_MS;
    while (!fit(this.server.logs.slice(this.seen))) {
      if (Date.now() > until) throw new Error(`the server has not said so; it said:\n${this.server.logs.slice(this.seen)}`);
      await new Promise((later) => setTimeout(later, 20));
    }
  }

  step() {
    this.seen = this.server ? this.server.logs.length : 0;
  }

  async save(path, text) {
    this.step();
    await this.root.write(path, text);
    if (this.server && this.watched) await this.logged((said) => said.includes(' generation '));
  }

  async sh(text) {
    this.step();
    const { status, printed } = await this.shell.run(this.here(text));
    this.printed = { status, text: printed };
  }

  shows(kind, text) {
    if (!this.printed) throw new Error('no commands stand before it whose output it could show');
    const { text: printed } = this.printed;
    this.printed = null;
    if (!fits(kind, this.here(text), printed)) throw new Error(`the commands print something else:\n${printed}`);
  }

  async log(text) {
    if (!this.server) throw new Error('no server runs');
    const pattern = new RegExp(trimmed(this.here(text)).split('\n').map(pattern_of).join('[^]*?\n[^]*?'));
    await this.logged((said) => pattern.test(trimmed(said)));
  }

  async lua(text) {
    const [, path] = /^-- ([\w./-]+\.lua)\b/.exec(text) ?? [];
    if (!path) throw new Error('the first line does not name the file');
    await this.save(path, `${text}\n`);
  }

  async diff(text) {
    const [from, to, ...lines] = text.split('\n');
    const path = from.replace(/^--- /, '');
    if (path === from || to !== `+++ ${path}`) throw new Error('the first two lines do not name the file');
    const side = (sign) => lines.filter((line) => line[0] === ' ' || line[0] === sign).map((line) => `${line.slice(1)}\n`).join('');
    const parts = (await this.root.read(path)).split(side('-'));
    if (parts.length !== 2) throw new Error(`${path} has the lines before the change ${parts.length - 1} times`);
    await this.save(path, parts.join(side('+')));
  }

  // `next` is the kind of the block that follows: commands that fail are right only where it shows what they print.
  async take({ kind, mark, text }, next) {
    if (mark === 'skips') return;
    if (is_output(kind)) {
      this.shows(kind, text);
    } else if (mark === 'serves') {
      await this.serves(text);
    } else if (mark) {
      throw new Error(`there is no mark ${mark}`);
    } else if (['stops', 'sh', 'log', 'lua', 'diff'].includes(kind)) {
      await this[kind](text);
    } else {
      throw new Error(`nothing checks a block of the kind "${kind}"`);
    }
    if (!is_output(next)) {
      if (this.printed?.status > 0) throw new Error(`the commands ended with status ${this.printed.status}:\n${this.printed.text}`);
      this.printed = null;
    }
  }

  async end() {
    this.shell.end();
    await this.stops();
  }
}

/* Makes a data folder with all of the demo, so that each guide need not wait for it. */
export async function make_seed() {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-seed-'));
  await (await start({ data: folder })).stop();
  return folder;
}

/* Follows a guide.
 *   markdown  its text
 *   data      a data folder to begin with (a copy is made), else none
 * Throws at the first block that is wrong, with its line. */
export async function follow(markdown, { data } = {}) {
  const root = await make_root();
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-guide-'));
  await mkdir(join(root.path, 'build'));
  await symlink(tidemill, join(root.path, 'build/tidemill'));
  if (data) await root.take_data(data);
  const reader = new Reader(root, folder, await free_port());
  try {
    const blocks = blocks_of(markdown);
    for (const [i, block] of blocks.entries()) {
      try {
        await reader.take(block, blocks[i + 1]?.kind);
      } catch (error) {
        throw new Error(`line ${block.line}: ${error.message}\n--- the block:\n${block.text}`);
      }
    }
  } finally {
    await reader.end();
    await root.remove();
    await rm(folder, { recursive: true, force: true });
  }
}
