import type { PoolStore, Store } from "../../control/store.ts";
import { LocalPool, type LocalPoolSurroundings } from "./local-pool.ts";
import { NEW_POOL, type SavedPool } from "./saved-pools.ts";
import { StoreFile, readStoreFile } from "./store-file.ts";

/** Those that a file holds; in memory there are more. */
const EPOCHS_IN_FILE = 8;
const AUDIT_IN_FILE = 1000;

/**
 * A store in this process, for one gateway; on request what matters of it is in a file as well, from which the next
 * process goes on. It always answers; it counts as unreachable while its file cannot be written.
 */
export class LocalStore implements Store {
  readonly name: string;
  readonly #now: () => number;
  readonly #wallClock: () => number;
  readonly #file: StoreFile | null;
  readonly #pools = new Map<string, LocalPool>();
  readonly #usages = new Map<string, { readonly usage: Uint8Array; readonly at: number }>();
  readonly #listeners = new Set<(reachable: boolean) => void>();
  #reachable = true;

  /**
   * @param now milliseconds, never backwards
   * @param wallClock milliseconds since 1970, for people
   * @param file where it is kept; null for nowhere
   * @param saved what was kept there before
   */
  constructor(
    now: () => number = () => performance.now(),
    wallClock: () => number = () => Date.now(),
    file: string | null = null,
    saved: readonly SavedPool[] = [],
  ) {
    this.#now = now;
    this.#wallClock = wallClock;
    this.name = file === null ? "memory" : `file://${file}`;
    this.#file = file === null ? null : this.#keptIn(file);
    for (const pool of saved) this.#pools.set(pool.name, this.#open(pool));
  }

  /** Goes on from what the file holds. @throws InputError when it is damaged or something else, or cannot be written */
  static async open(file: string): Promise<LocalStore> {
    return new LocalStore(undefined, undefined, file, await readStoreFile(file));
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  onReachable(listener: (reachable: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pool(name: string): PoolStore {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = this.#open({ name, ...NEW_POOL });
      this.#pools.set(name, pool);
    }
    return pool;
  }

  async share(gateway: string, usage: Uint8Array, staleMs: number): Promise<ReadonlyMap<string, Uint8Array>> {
    const now = this.#now();
    const others = new Map<string, Uint8Array>();
    for (const [other, told] of this.#usages) {
      if (now - told.at > staleMs) this.#usages.delete(other);
      else if (other !== gateway) others.set(other, told.usage);
    }
    this.#usages.set(gateway, { usage: new Uint8Array(usage), at: now });
    return others;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #keptIn(file: string): StoreFile {
    const pools = () => Array.from(this.#pools.values(), worthKeeping);
    return new StoreFile(file, pools, (works) => this.#turn(works));
  }

  #open(saved: SavedPool): LocalPool {
    const file = this.#file;
    const surroundings: LocalPoolSurroundings = {
      now: this.#now,
      wallClock: this.#wallClock,
      keep: file === null ? null : () => file.write(),
      keepSoon: () => file?.writeSoon(),
    };
    return new LocalPool(saved, surroundings);
  }

  #turn(reachable: boolean): void {
    if (reachable === this.#reachable) return;
    this.#reachable = reachable;
    for (const listener of this.#listeners) listener(reachable);
  }
}

function worthKeeping(pool: LocalPool): SavedPool {
  const saved = pool.save();
  return {
    ...saved,
    epochs: saved.epochs.slice(-EPOCHS_IN_FILE),
    audit: saved.audit.slice(-AUDIT_IN_FILE),
  };
}
