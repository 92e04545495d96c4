import type { PoolStore, Store } from "../../control/store.ts";
import { LocalPool } from "./local-pool.ts";

/** A store of one gateway, in its process: always there. */
export class LocalStore implements Store {
  readonly name: string = "memory";
  readonly reachable = true;
  readonly #now: () => number;
  readonly #pools = new Map<string, LocalPool>();

  /** @param now milliseconds, never backwards */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  onReachable(): () => void {
    return () => {};
  }

  pool(name: string): PoolStore {
    let pool = this.#pools.get(name);
    if (pool === undefined) this.#pools.set(name, (pool = new LocalPool(name, this.#now)));
    return pool;
  }

  async share(): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map();
  }

  async close(): Promise<void> {}
}
