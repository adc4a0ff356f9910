// tests/support/change_log.mjs: reads a tenant's database with the sqlite3 command, and checks the chain of its change log as
// core/store/change_log.h describes it, with none of the server's code.

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { blake2b_256 } from './blake2b.mjs';

export const database = (data) => join(data, 'tenants/demo/tenant.db');

const CHAINED = ['pos', 'txn', 'entity', 'id', 'version', 'at', 'actor', 'cause_kind', 'cause_id', 'cause_version', 'generation'];

/* Asks a database; rows are arrays of texts, NULL an empty text. The file is only read, also while a server has it open. */
export function ask(path, question) {
  return new Promise((done, failed) => {
    const options = { maxBuffer: 1 << 28, encoding: 'utf8' };
    const child = execFile('sqlite3', ['-readonly', '-bail', path], options, (error, stdout, stderr) => {
      if (error) failed(new Error(`sqlite3: ${stderr || error.message}`));
      else done(stdout.split('\n').slice(0, -1).map((line) => line.split('\x1f')));
    });
    child.stdin.end(`.timeout 5000\n.mode list\n.separator "\\x1f" "\\n"\n${question};\n`.replaceAll('\\x1f', '\x1f'));
  });
}

/* Calls `look` with the path of a copy of a database that no process has open. */
export async function with_copy(path, look) {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-copy-'));
  try {
    for (const end of ['', '-wal']) {
      await copyFile(path + end, join(folder, `copy.db${end}`)).catch((error) => {
        if (end === '' || error.code !== 'ENOENT') throw error;
      });
    }
    return await look(join(folder, 'copy.db'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// 'n', or 'i' and 8 bytes, or 't', 4 bytes of length and the bytes; from quote().
function encoded(quoted) {
  if (quoted === 'NULL') return Buffer.from('n');
  if (/^-?\d+$/.test(quoted)) {
    const bytes = Buffer.from('i00000000');
    bytes.writeBigInt64BE(BigInt(quoted), 1);
    return bytes;
  }
  const text = Buffer.from(quoted.slice(1, -1).replaceAll("''", "'"));
  const head = Buffer.from('t0000');
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, text]);
}

/* Walks the whole log. Returns the rows as [{ pos, entity, …, body }]; throws at the first that is not right. */
export async function verify_changes(path) {
  const rows = await ask(path, `SELECT ${CHAINED.map((column) => `quote(${column})`).join(', ')},
    hex(body), hex(salt), hex(body_hash), hex(chain), body IS NULL FROM change ORDER BY pos`);
  let chain = Buffer.alloc(32);
  return rows.map((row, i) => {
    const columns = row.slice(0, CHAINED.length);
    const [body, salt, body_hash, stored] = row.slice(CHAINED.length, -1).map((hex) => Buffer.from(hex, 'hex'));
    const place = `change ${columns[0]}`;
    if (columns[0] !== String(i + 1)) throw new Error(`${place}: there should be change ${i + 1}`);
    if (row.at(-1) === '0') {
      if (salt.length !== 16) throw new Error(`${place}: the salt has ${salt.length} bytes`);
      if (!blake2b_256(Buffer.concat([salt, body])).equals(body_hash)) throw new Error(`${place}: its body is not what was written`);
    }
    chain = blake2b_256(Buffer.concat([chain, ...columns.map(encoded), body_hash]));
    if (!chain.equals(stored)) throw new Error(`${place}: the chain is broken`);

    const plain = (quoted) => quoted === 'NULL' ? null : quoted.startsWith("'") ? quoted.slice(1, -1).replaceAll("''", "'") : quoted;
    const change = Object.fromEntries(CHAINED.map((column, at) => [column, plain(columns[at])]));
    return { ...change, body: row.at(-1) === '1' ? null : JSON.parse(body.toString('utf8')) };
  });
}
