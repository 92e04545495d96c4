import { createCipheriv, createHmac } from "node:crypto";
import { RecentMap } from "../lib/recent-map.ts";

/** Names that are remembered, of either kind. */
const MOST_NAMES = 4096;
/** Hex digits of a hidden name, and of what says which salt it was. */
const NAME_DIGITS = 16;
const SALT_DIGITS = 8;
const CIPHER_BLOCK_BYTES = 16;
const HASH_BYTES = 8;
/** Of the upper of two words, so that both together are a whole number that JSON keeps exactly: below 2^53. */
const UPPER_BITS = 21;

/**
 * Names and blocks of prompts as nobody can match them with known ones who has not the salt: equal ones stay equal, and
 * that is all that is to be seen of them.
 */
export class HiddenNames {
  /** Equal for equal salts; says nothing of what they are. */
  readonly saltId: string;
  readonly #nameKey: Buffer;
  /** Each block by itself: equal ones shall stay equal, which is what this mode is known for. */
  readonly #cipher: ReturnType<typeof createCipheriv>;
  readonly #known = new RecentMap<string, string>(MOST_NAMES);

  constructor(salt: Uint8Array) {
    this.saltId = createHmac("sha256", salt).update("salt").digest("hex").slice(0, SALT_DIGITS);
    this.#nameKey = createHmac("sha256", salt).update("names").digest();
    const key = createHmac("sha256", salt).update("blocks").digest().subarray(0, CIPHER_BLOCK_BYTES);
    this.#cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  }

  /** @param kind names of different kinds are different, whatever they are */
  name(kind: "tenant" | "session", name: string): string {
    const named = `${kind} ${name}`;
    const known = this.#known.get(named);
    if (known !== undefined) return known;
    const hidden = createHmac("sha256", this.#nameKey).update(named).digest("hex").slice(0, NAME_DIGITS);
    this.#known.set(named, hidden);
    return hidden;
  }

  /**
   * Ids of the leading blocks of a prompt.
   * @param prefix as in RoutableRequest
   * @param every how many of its blocks make one
   * @param most ids at most
   * @returns integers from 0 to 2^53 − 1
   */
  blocks(prefix: Uint32Array, every: number, most: number): number[] {
    const count = Math.min(most, Math.floor(prefix.length / 2 / every));
    if (count <= 0) return [];
    const plain = Buffer.alloc(count * CIPHER_BLOCK_BYTES);
    for (let i = 0; i < count; i++) {
      const at = ((i + 1) * every - 1) * 2;
      plain.writeUInt32LE(prefix[at], i * CIPHER_BLOCK_BYTES);
      plain.writeUInt32LE(prefix[at + 1], i * CIPHER_BLOCK_BYTES + HASH_BYTES / 2);
    }
    const hidden = this.#cipher.update(plain);
    return Array.from({ length: count }, (_, i) => {
      const upper = hidden.readUInt32LE(i * CIPHER_BLOCK_BYTES + HASH_BYTES / 2) >>> (32 - UPPER_BITS);
      return upper * 2 ** 32 + hidden.readUInt32LE(i * CIPHER_BLOCK_BYTES);
    });
  }
}
