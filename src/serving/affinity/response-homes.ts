/** Responses whose servers are remembered, per pool; one takes about 250 bytes. */
const MOST_HOMES = 50_000;
/** So many are dropped at a time, those used longest ago: the search for the first of a map passes what was deleted. */
const DROPPED = MOST_HOMES / 10;
/** Engines give no longer ids. */
const LONGEST_ID = 128;

/** Where a stored response is, and whose it is: null for whoever knows its id. */
export interface ResponseHome {
  readonly shard: number;
  readonly owner: string | null;
}

/**
 * Which shard of a pool has which stored response. Engines keep responses in memory, each server its own: a request
 * that names one can only be served there.
 */
export class ResponseHomes {
  #homes = new Map<string, ResponseHome>();

  get size(): number {
    return this.#homes.size;
  }

  /** Without effect for one that is another's. */
  set(id: string, home: ResponseHome): void {
    if (id.length > LONGEST_ID) return;
    const before = this.#homes.get(id)?.owner ?? null;
    if (before !== null && before !== home.owner) return;
    this.#homes.delete(id);
    if (this.#homes.size === MOST_HOMES) this.#drop();
    this.#homes.set(id, home);
  }

  /** Takes over what the one before knew. @param previous `[shards]`: the place of each shard before; −1 for those that are new */
  resume(before: ResponseHomes, previous: Int32Array): void {
    const own = this.#homes;
    this.#homes = before.#homes;
    before.#homes = new Map();
    const now = new Map([...previous].map((from, shard) => [from, shard]));
    for (const [id, { shard: from, owner }] of this.#homes) {
      const shard = now.get(from);
      if (shard === undefined) this.#homes.delete(id);
      else if (shard !== from) this.#homes.set(id, { shard, owner });
    }
    for (const [id, home] of own) this.set(id, home);
  }

  /** @returns null where it is not known */
  of(id: string): ResponseHome | null {
    const home = this.#homes.get(id);
    if (home === undefined) return null;
    this.set(id, home);
    return home;
  }

  #drop(): void {
    let left = DROPPED;
    for (const id of this.#homes.keys()) {
      this.#homes.delete(id);
      if (--left === 0) return;
    }
  }
}
