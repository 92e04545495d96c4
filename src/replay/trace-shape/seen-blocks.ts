import { mixedBits } from "../../lib/mixed-bits.ts";
/** Ids that are remembered one by one. */
const EXACT = 1 << 19;
/** Bits of the filter that follows: 32 MiB. */
const BITS = 2 ** 28;
const HASHES = 4;

/**
 * Which ids were there before, in bounded memory: exact for half a million of them, beyond that by a Bloom filter, which
 * sometimes takes a new id for a known one, never the other way.
 */
export class SeenBlocks {
  #exact: Set<number> | null = new Set();
  #filter: Uint32Array | null = null;
  #ids = 0;

  /** @returns whether it was there before */
  add(id: number): boolean {
    if (this.#exact !== null) {
      if (this.#exact.has(id)) return true;
      this.#exact.add(id);
      this.#ids++;
      if (this.#exact.size > EXACT) this.#turn(this.#exact);
      return false;
    }
    const known = this.#mark(id);
    if (!known) this.#ids++;
    return known;
  }

  /** Distinct ids, as far as that can be told. */
  get ids(): number {
    return this.#ids;
  }

  /** How probably a new id is taken for a known one by now. */
  get errorPart(): number {
    return this.#filter === null ? 0 : (1 - Math.exp((-HASHES * this.#ids) / BITS)) ** HASHES;
  }

  #turn(exact: ReadonlySet<number>): void {
    this.#filter = new Uint32Array(BITS / 32);
    this.#exact = null;
    for (const id of exact) this.#mark(id);
  }

  #mark(id: number): boolean {
    const filter = this.#filter as Uint32Array;
    let [hash, step] = hashes(id);
    let known = true;
    for (let n = 0; n < HASHES; n++) {
      const bit = hash % BITS;
      const mask = 1 << (bit & 31);
      if ((filter[bit >>> 5] & mask) === 0) known = false;
      filter[bit >>> 5] |= mask;
      hash = (hash + step) >>> 0;
      step = (step + n) >>> 0;
    }
    return known;
  }
}

function hashes(id: number): [number, number] {
  const low = mixedBits(id | 0);
  const high = mixedBits((Math.floor(id / 0x1_0000_0000) | 0) ^ 0x5bd1e995);
  return [mixedBits(low ^ high) >>> 0, (mixedBits(low + Math.imul(high, 0x27d4eb2f)) | 1) >>> 0];
}
