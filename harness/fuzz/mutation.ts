import type { Rng } from "../../src/lib/rng.ts";

/** Longer inputs find no more, and take longer. */
export const LONGEST_INPUT_BYTES = 8192;

const MOST_CHANGES_LOG2 = 4;
const LONGEST_BLOCK = 64;
/** Where readers of numbers, sizes and places go wrong. */
const NUMBERS = [0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const WRITTEN_NUMBERS = [
  "0",
  "-1",
  "1",
  "2147483648",
  "9007199254740993",
  "1e308",
  "1e999",
  "-0",
  "0.1",
  "NaN",
];
const COMMON_TOKENS = [
  "[",
  "]",
  "{",
  "}",
  '"',
  "\\",
  ",",
  ":",
  "\n",
  "\r\n",
  "null",
  "true",
  "\u00e9",
  "\0",
  "\x80",
  "\xff",
];

/** Changes bytes as fuzzers do: bits, bytes, blocks, numbers in bytes and in digits, tokens, and pieces of other files. */
export class Mutation {
  readonly #rng: Rng;
  readonly #tokens: readonly Buffer[];

  constructor(rng: Rng, tokens: readonly string[]) {
    this.#rng = rng;
    this.#tokens = [...COMMON_TOKENS, ...tokens].map((token) => Buffer.from(token, "latin1"));
  }

  /** @param others what pieces are taken from; one at least */
  of(bytes: Uint8Array, others: readonly Uint8Array[]): Buffer {
    const rng = this.#rng;
    let now: Buffer = Buffer.from(bytes);
    const changes = 1 << rng.below(MOST_CHANGES_LOG2);
    for (let i = 0; i < changes; i++) now = this.#changed(now, others);
    return now.length > LONGEST_INPUT_BYTES ? now.subarray(0, LONGEST_INPUT_BYTES) : now;
  }

  #changed(bytes: Buffer, others: readonly Uint8Array[]): Buffer {
    const rng = this.#rng;
    const at = rng.below(bytes.length + 1);
    const length = 1 + rng.below(Math.min(LONGEST_BLOCK, bytes.length + 1));
    switch (rng.below(12)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << rng.below(8);
        return bytes;
      case 1:
        if (at < bytes.length) bytes[at] = rng.below(256);
        return bytes;
      case 2:
        return replaced(bytes, at, 1, Buffer.of());
      case 3:
        return replaced(bytes, at, length, Buffer.of());
      case 4: {
        const from = rng.below(bytes.length + 1);
        return replaced(bytes, at, 0, bytes.subarray(from, from + length));
      }
      case 5:
        return replaced(bytes, at, 0, Buffer.of(rng.below(256)));
      case 6:
      case 7:
        return replaced(bytes, at, rng.below(3), this.#tokens[rng.below(this.#tokens.length)]);
      case 8:
        return this.#binaryNumber(bytes, at);
      case 9:
        return this.#writtenNumber(bytes, at);
      case 10: {
        const other = others[rng.below(others.length)];
        const from = rng.below(other.length + 1);
        const piece = other.subarray(from, rng.below(2) === 0 ? from + length : other.length);
        return replaced(bytes, at, rng.below(2) === 0 ? piece.length : 0, piece);
      }
      default:
        // Rarely cut off: what is left is short.
        return rng.below(4) === 0
          ? bytes.subarray(0, at)
          : replaced(bytes, at, length, bytes.subarray(0, length));
    }
  }

  #binaryNumber(bytes: Buffer, at: number): Buffer {
    const width = [1, 2, 4, 8][this.#rng.below(4)];
    if (at + width > bytes.length) return bytes;
    const number = BigInt(NUMBERS[this.#rng.below(NUMBERS.length)]);
    const put = Buffer.alloc(8);
    put.writeBigInt64LE(number);
    if (this.#rng.below(4) === 0) put.subarray(0, width).reverse();
    put.copy(bytes, at, 0, width);
    return bytes;
  }

  /** In place of the first digits from there on. */
  #writtenNumber(bytes: Buffer, at: number): Buffer {
    let start = at;
    while (start < bytes.length && !isDigit(bytes[start])) start++;
    let end = start;
    while (end < bytes.length && isDigit(bytes[end])) end++;
    const number = WRITTEN_NUMBERS[this.#rng.below(WRITTEN_NUMBERS.length)];
    return replaced(bytes, start, end - start, Buffer.from(number));
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function replaced(bytes: Buffer, at: number, take: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + take)]);
}
