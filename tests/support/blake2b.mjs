// tests/support/blake2b.mjs: BLAKE2b-256 without a key (RFC 7693), written from the RFC alone so that the server's hashes are checked
// by something that shares no code with it. A 64-bit word is two 32-bit halves, the lower first.

const IV = Uint32Array.of(
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
  0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
);

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const MIXES = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
].map((words) => words.map((word) => 2 * word));

const v = new Uint32Array(32);
const m = new Uint32Array(32);

// v[a] += v[b] + the halves given.
function add(a, b, low, high) {
  const sum = v[a] + v[b] + low;
  v[a + 1] += v[b + 1] + high + Math.floor(sum / 0x100000000);
  v[a] = sum;
}

// v[a] = (v[a] ^ v[b]) rotated right.
function turn(a, b, by) {
  const low = v[a] ^ v[b];
  const high = v[a + 1] ^ v[b + 1];
  if (by === 32) {
    [v[a], v[a + 1]] = [high, low];
  } else if (by === 63) {
    v[a] = (low << 1) | (high >>> 31);
    v[a + 1] = (high << 1) | (low >>> 31);
  } else {
    v[a] = (low >>> by) | (high << (32 - by));
    v[a + 1] = (high >>> by) | (low << (32 - by));
  }
}

function compress(h, block, count, last) {
  const view = new DataView(block.buffer, block.byteOffset, 128);
  for (let i = 0; i < 32; i += 1) m[i] = view.getUint32(4 * i, true);
  v.set(h, 0);
  v.set(IV, 16);
  v[24] ^= count >>> 0;
  v[25] ^= Math.floor(count / 0x100000000);
  if (last) {
    v[28] = ~v[28];
    v[29] = ~v[29];
  }
  for (let round = 0; round < 12; round += 1) {
    const order = SIGMA[round % 10];
    MIXES.forEach(([a, b, c, d], i) => {
      const x = 2 * order[2 * i];
      const y = 2 * order[2 * i + 1];
      add(a, b, m[x], m[x + 1]);
      turn(d, a, 32);
      add(c, d, 0, 0);
      turn(b, c, 24);
      add(a, b, m[y], m[y + 1]);
      turn(d, a, 16);
      add(c, d, 0, 0);
      turn(b, c, 63);
    });
  }
  for (let i = 0; i < 16; i += 1) h[i] ^= v[i] ^ v[i + 16];
}

/* The hash of the bytes, 32 bytes. */
export function blake2b_256(bytes) {
  const h = Uint32Array.from(IV);
  h[0] ^= 0x01010020; // no key, 32 bytes
  let at = 0;
  for (; bytes.length - at > 128; at += 128) compress(h, bytes.subarray(at, at + 128), at + 128, false);
  const rest = new Uint8Array(128);
  rest.set(bytes.subarray(at));
  compress(h, rest, bytes.length, true);
  const out = Buffer.alloc(32);
  for (let i = 0; i < 8; i += 1) out.writeUInt32LE(h[i], 4 * i);
  return out;
}
