import type { ProbeSettings } from "./settings.ts";

/** Which shards can serve, by what probes of them said. A shard that was not asked yet counts as ready. */
export class Readiness {
  readonly #settings: ProbeSettings;
  readonly #ready: Uint8Array;
  /** `[shards]`: good probes in a row above 0, failed ones below. */
  readonly #inRow: Int32Array;
  /** `[shards]`: 1 once it was ready by a probe. */
  readonly #known: Uint8Array;

  /** @param ready `[shards]`, written here */
  constructor(ready: Uint8Array, settings: ProbeSettings) {
    this.#settings = settings;
    this.#ready = ready;
    this.#inRow = new Int32Array(ready.length);
    this.#known = new Uint8Array(ready.length);
  }

  /** It says that it can serve. @returns whether that made it ready */
  good(shard: number): boolean {
    this.#inRow[shard] = Math.max(0, this.#inRow[shard]) + 1;
    if (this.#known[shard] === 1 && this.#inRow[shard] < this.#settings.healthyAfter) return false;
    this.#known[shard] = 1;
    return this.#become(shard, 1);
  }

  /** It did not answer. @returns whether that made it unready */
  bad(shard: number): boolean {
    this.#inRow[shard] = Math.min(0, this.#inRow[shard]) - 1;
    if (this.#known[shard] === 1 && -this.#inRow[shard] < this.#settings.unhealthyAfter) return false;
    return this.#become(shard, 0);
  }

  /** It says that it cannot serve: that is to be believed at once. @returns whether that made it unready */
  unready(shard: number): boolean {
    this.#inRow[shard] = Math.min(0, this.#inRow[shard]) - 1;
    return this.#become(shard, 0);
  }

  #become(shard: number, ready: 0 | 1): boolean {
    if (this.#ready[shard] === ready) return false;
    this.#ready[shard] = ready;
    return true;
  }
}
