import { CacheHorizons } from "./cache-horizons.ts";

/** Entries that a block can be in: the oldest of them is replaced. */
const WAYS = 8;
/** Words of an entry before its shards: the hash's two, and when it was last recorded. */
const HEADER = 3;
const NO_TABLE = new Uint32Array(0);

/**
 * Which shards have seen which beginnings of prompts: a hash table of blocks in a fixed piece of memory. A block has
 * its place in one set of eight entries, where the one that was recorded longest ago is replaced (as in a processor's
 * cache). It can forget what a shard still has, and believe what the shard's own cache has dropped; either costs a
 * prompt computed twice and nothing else.
 *
 * An entry takes 12 bytes and 4 for every 32 shards: 16 MiB hold a million blocks of 32 shards, 67 million tokens at 64
 * tokens a block.
 */
export class PrefixIndex {
  readonly #bytes: number;
  /** `[shards]`: the bit of each. */
  readonly #bits: Int32Array;
  /** `[bits]`: the shard of each; −1 for none. A shard that is gone leaves its bit to another. */
  #shardOf: Int32Array;
  /** Words of an entry. */
  #stride: number;
  #sets: number;
  /** `[sets][WAYS][stride]`: hash, hash, tick, a bit per shard; tick 0 = empty. Empty until a prefix is recorded. */
  #table: Uint32Array = NO_TABLE;
  /** A bit per shard, of the match at hand: those that have every block so far. */
  #alive: Uint32Array;
  #tick = 0;
  /** What is past each shard's horizon is forgotten; the age of the nearest horizon, in ticks. */
  readonly #horizons: CacheHorizons;
  #nearest = Number.POSITIVE_INFINITY;
  /** Another has taken its place, and its memory. */
  #over = false;

  /** @param bytes memory to use at most; one set is the least */
  constructor(shards: number, bytes: number) {
    const words = Math.max(1, Math.ceil(shards / 32));
    this.#bytes = bytes;
    this.#bits = Int32Array.from({ length: shards }, (_, shard) => shard);
    this.#shardOf = Int32Array.from({ length: words * 32 }, (_, bit) => (bit < shards ? bit : -1));
    this.#stride = HEADER + words;
    this.#sets = Math.max(1, Math.floor(bytes / (WAYS * this.#stride * 4)));
    this.#alive = new Uint32Array(words);
    this.#horizons = new CacheHorizons(shards);
  }

  /**
   * @param prefix `[blocks][2]`, see RoutableRequest
   * @param blocks `[shards]`, written: how many of the first blocks each shard has seen
   */
  match(prefix: Uint32Array, blocks: Int32Array): void {
    const table = this.#table;
    const alive = this.#alive.fill(0xffff_ffff);
    const shardOf = this.#shardOf;
    const count = table.length === 0 ? 0 : prefix.length >> 1;
    blocks.fill(count);
    for (let block = 0; block < count; block++) {
      const entry = this.#find(prefix[block * 2], prefix[block * 2 + 1]);
      let left = 0;
      for (let word = 0; word < alive.length; word++) {
        const had = alive[word];
        const has = entry < 0 ? 0 : this.#held(entry, word, had);
        for (let gone = had & ~has; gone !== 0; gone &= gone - 1) {
          const shard = shardOf[word * 32 + 31 - Math.clz32(gone & -gone)];
          if (shard >= 0) blocks[shard] = block;
        }
        alive[word] = has;
        left |= has;
      }
      if (left === 0) return;
    }
  }

  /**
   * The shard has seen all of the prefix.
   * @param more blocks that it takes beside, for an answer
   * @param capacity blocks that the shard's cache holds; NaN where unknown
   */
  record(prefix: Uint32Array, shard: number, more = 0, capacity = Number.NaN): void {
    if (this.#over || prefix.length === 0) return;
    const table = this.#opened();
    const place = this.#bits[shard];
    const word = HEADER + (place >> 5);
    const bit = 1 << (place & 31);
    // 0 is for empty entries.
    this.#tick = (this.#tick + 1) >>> 0 || 1;
    let filled = more;
    for (let i = 0; i < prefix.length; i += 2) {
      let entry = this.#find(prefix[i], prefix[i + 1]);
      if (entry < 0) {
        entry = this.#oldest(prefix[i]);
        table[entry] = prefix[i];
        table[entry + 1] = prefix[i + 1];
        table.fill(0, entry + HEADER, entry + this.#stride);
      } else if (this.#age(table[entry + 2]) >= this.#nearest) this.#drop(entry);
      if ((table[entry + word] & bit) === 0) filled++;
      table[entry + 2] = this.#tick;
      table[entry + word] |= bit;
    }
    this.#horizons.fill(shard, filled, capacity, this.#tick);
    this.#nearest = Number.POSITIVE_INFINITY;
    for (const tick of this.#horizons.ticks)
      if (tick !== 0) this.#nearest = Math.min(this.#nearest, this.#age(tick));
  }

  /** Of the shards with these bits of the word, those that have the entry's block. */
  #held(entry: number, word: number, bits: number): number {
    let held = bits & this.#table[entry + HEADER + word];
    const age = this.#age(this.#table[entry + 2]);
    if (age < this.#nearest) return held;
    for (let left = held; left !== 0; left &= left - 1) {
      const shard = this.#shardOf[word * 32 + 31 - Math.clz32(left & -left)];
      const horizon = shard < 0 ? 0 : this.#horizons.ticks[shard];
      if (horizon !== 0 && age >= this.#age(horizon)) held &= ~(left & -left);
    }
    return held;
  }

  /** The entry keeps the shards alone that have its block. */
  #drop(entry: number): void {
    for (let word = 0; word < this.#stride - HEADER; word++)
      this.#table[entry + HEADER + word] = this.#held(entry, word, 0xffff_ffff);
  }

  /** Records since that tick; ticks wrap around. */
  #age(tick: number): number {
    return (this.#tick - tick) >>> 0;
  }

  /** The shard has seen nothing. Takes time in proportion to the memory. */
  forget(shard: number): void {
    const bit = this.#bits[shard];
    this.#clear(bit >> 5, 1 << (bit & 31));
  }

  #clear(word: number, bits: number): void {
    const table = this.#table;
    const keep = ~bits;
    for (let at = HEADER + word; at < table.length; at += this.#stride) table[at] &= keep;
  }

  /**
   * Takes over what another index, of any size, knows, which then knows nothing; how far back caches reach is seen anew. Takes time in proportion to its memory;
   * where the shards fit into that and none has gone, none.
   * @param previous `[shards]`: the place of each shard there; −1 for those that are not there
   */
  resume(before: PrefixIndex, previous: Int32Array): void {
    const fits = this.#table.length === 0 && this.#bytes === before.#bytes;
    if (fits && previous.length <= before.#shardOf.length) this.#takeMemory(before, previous);
    else this.#copy(before, previous);
    before.#table = NO_TABLE;
    before.#over = true;
  }

  /** Shards that stay keep their bits; new ones have those of shards that are gone. */
  #takeMemory(before: PrefixIndex, previous: Int32Array): void {
    this.#table = before.#table;
    this.#tick = before.#tick;
    this.#stride = before.#stride;
    this.#sets = before.#sets;
    this.#alive = new Uint32Array(before.#alive.length);
    const shardOf = new Int32Array(before.#shardOf.length).fill(-1);
    for (const [shard, place] of previous.entries()) {
      if (place < 0) continue;
      this.#bits[shard] = before.#bits[place];
      shardOf[before.#bits[place]] = shard;
    }
    for (let word = 0; word < this.#alive.length; word++) {
      let gone = 0;
      for (let bit = 0; bit < 32; bit++)
        if (before.#shardOf[word * 32 + bit] >= 0 && shardOf[word * 32 + bit] < 0) gone |= 1 << bit;
      if (gone !== 0) this.#clear(word, gone);
    }
    let free = 0;
    for (const [shard, place] of previous.entries()) {
      if (place >= 0) continue;
      while (shardOf[free] >= 0) free++;
      this.#bits[shard] = free;
      shardOf[free] = shard;
    }
    this.#shardOf = shardOf;
  }

  #copy(before: PrefixIndex, previous: Int32Array): void {
    const from = before.#table;
    const table = from.length === 0 ? NO_TABLE : this.#opened();
    this.#tick = before.#tick;
    /** `[bits there]`: the bit of the same shard here; −1 for none. */
    const here = new Int32Array(before.#shardOf.length).fill(-1);
    for (const [shard, place] of previous.entries())
      if (place >= 0) here[before.#bits[place]] = this.#bits[shard];
    for (let old = 0; old < from.length; old += before.#stride) {
      if (from[old + 2] === 0) continue;
      let entry = -1;
      for (let word = 0; word < before.#stride - HEADER; word++) {
        for (let left = from[old + HEADER + word]; left !== 0; left &= left - 1) {
          const bit = here[word * 32 + 31 - Math.clz32(left & -left)];
          if (bit < 0) continue;
          if (entry < 0) entry = this.#place(from[old], from[old + 1], from[old + 2]);
          if (entry < 0) break;
          table[entry + HEADER + (bit >> 5)] |= 1 << (bit & 31);
        }
      }
    }
  }

  #opened(): Uint32Array {
    if (this.#table.length === 0) this.#table = new Uint32Array(this.#sets * WAYS * this.#stride);
    return this.#table;
  }

  /** @returns the entry of the block; −1 where all that could make way were recorded later */
  #place(low: number, high: number, tick: number): number {
    const table = this.#table;
    const found = this.#find(low, high);
    if (found >= 0) return found;
    const entry = this.#oldest(low);
    if (table[entry + 2] !== 0 && this.#age(table[entry + 2]) <= this.#age(tick)) return -1;
    table[entry] = low;
    table[entry + 1] = high;
    table[entry + 2] = tick;
    table.fill(0, entry + HEADER, entry + this.#stride);
    return entry;
  }

  /** @returns where the entry begins, −1 when there is none */
  #find(low: number, high: number): number {
    const table = this.#table;
    const stride = this.#stride;
    let entry = (low % this.#sets) * WAYS * stride;
    for (const end = entry + WAYS * stride; entry < end; entry += stride) {
      if (table[entry] === low && table[entry + 1] === high && table[entry + 2] !== 0) return entry;
    }
    return -1;
  }

  /** @returns the entry of the set that is empty or was recorded longest ago */
  #oldest(low: number): number {
    const table = this.#table;
    const stride = this.#stride;
    let entry = (low % this.#sets) * WAYS * stride;
    let oldest = entry;
    let age = -1;
    for (const end = entry + WAYS * stride; entry < end; entry += stride) {
      const tick = table[entry + 2];
      if (tick === 0) return entry;
      const since = this.#age(tick);
      if (since <= age) continue;
      age = since;
      oldest = entry;
    }
    return oldest;
  }
}
