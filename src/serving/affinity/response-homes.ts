/** Responses whose servers are remembered, per pool; one takes about 200 bytes. */
const MOST_HOMES = 50_000;
/** So many are dropped at a time, those used longest ago: the search for the first of a map passes what was deleted. */
const DROPPED = MOST_HOMES / 10;
/** Engines give no longer ids. */
const LONGEST_ID = 128;

/**
 * Which shard of a pool has which stored response. Engines keep responses in memory, each server its own: a request
 * that names one can only be served there.
 */
export class ResponseHomes {
  #shards = new Map<string, number>();

  get size(): number {
    return this.#shards.size;
  }

  set(id: string, shard: number): void {
    if (id.length > LONGEST_ID) return;
    this.#shards.delete(id);
    if (this.#shards.size === MOST_HOMES) this.#drop();
    this.#shards.set(id, shard);
  }

  /** Takes over what the one before knew. @param previous `[shards]`: the place of each shard before; −1 for those that are new */
  resume(before: ResponseHomes, previous: Int32Array): void {
    const own = this.#shards;
    this.#shards = before.#shards;
    before.#shards = new Map();
    const now = new Map([...previous].map((from, shard) => [from, shard]));
    for (const [id, from] of this.#shards) {
      const shard = now.get(from);
      if (shard === undefined) this.#shards.delete(id);
      else if (shard !== from) this.#shards.set(id, shard);
    }
    for (const [id, shard] of own) this.set(id, shard);
  }

  /** @returns the shard; −1 where it is not known */
  of(id: string): number {
    const shard = this.#shards.get(id);
    if (shard === undefined) return -1;
    this.set(id, shard);
    return shard;
  }

  #drop(): void {
    let left = DROPPED;
    for (const id of this.#shards.keys()) {
      this.#shards.delete(id);
      if (--left === 0) return;
    }
  }
}
