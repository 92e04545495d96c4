import { mix } from "./mix.ts";

/** Bytes of one block: 64 tokens at four bytes each, a page of SGLang's cache for MLA models. */
export const BLOCK_BYTES = 256;
/** Blocks hashed of one prompt: the first 128 KiB, some 32,000 tokens. */
const MOST_BLOCKS = 512;

/**
 * The hash of each whole block of a prompt and everything before it, as `RoutableRequest.prefix` has them.
 * @param bytes the prompt is `bytes[start .. end)`
 * @param salt  what else must be equal for a cache to be of use, e.g. `hashText` of the model
 * @returns `[blocks][2]`, of at most the first 512 blocks of `BLOCK_BYTES`
 */
export function blockHashes(bytes: Uint8Array, start: number, end: number, salt: number): Uint32Array {
  const blocks = Math.min(MOST_BLOCKS, Math.floor((end - start) / BLOCK_BYTES));
  const hashes = new Uint32Array(blocks * 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Two chains with the multipliers of MurmurHash3; each step is a bijection of the chain's state.
  let a = mix(salt);
  let b = mix(a ^ 1);
  let at = start;
  for (let block = 0; block < blocks; block++) {
    for (const stop = at + BLOCK_BYTES; at < stop; at += 4) {
      const word = view.getInt32(at, true);
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b ^ word, 0x1b873593);
      b = (b << 13) | (b >>> 19);
    }
    hashes[block * 2] = mix(a);
    hashes[block * 2 + 1] = mix(b);
  }
  return hashes;
}

/** @returns a 32-bit hash of a text, as for `RoutableRequest.affinityKey`; never 0 */
export function hashText(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0xcc9e2d51);
    hash = (hash << 15) | (hash >>> 17);
  }
  return mix(hash) || 1;
}

/** Of a longer text the beginning and the length are hashed. */
const HASHED_BYTES = 65_536;

/** @returns a 32-bit hash of `bytes[start .. end)`, of its first 64 KiB and its length; never 0 */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  const stop = Math.min(end, start + HASHED_BYTES);
  let hash = end - start;
  for (let at = start; at < stop; at++) {
    hash = Math.imul(hash ^ bytes[at], 0xcc9e2d51);
    hash = (hash << 15) | (hash >>> 17);
  }
  return mix(hash) || 1;
}
