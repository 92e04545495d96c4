import type { PoolStore, Store } from "../../control/store.ts";
import { LocalPool, type LocalPoolSurroundings } from "./local-pool.ts";
import { FileLock } from "./file-lock.ts";
import { NEW_POOL, type SavedPool } from "./saved-pools.ts";
import { StoreFile, readStoreFile } from "./store-file.ts";
import { removeLeftovers } from "./whole-file.ts";

/** Those that a file holds; in memory there are more. */
const EPOCHS_IN_FILE = 8;
const AUDIT_IN_FILE = 1000;

/** Where a store goes on from. */
interface Kept {
  readonly path: string;
  readonly saved: readonly SavedPool[];
  /** Null for who only looks: nothing is written. */
  readonly lock: FileLock | null;
}

/**
 * A store in this process, for one gateway; on request what matters of it is in a file as well, from which the next
 * process goes on. It always answers; while its file cannot be written, it says why.
 */
export class LocalStore implements Store {
  readonly name: string;
  readonly #now: () => number;
  readonly #wallClock: () => number;
  readonly #file: StoreFile | null;
  readonly #lock: FileLock | null;
  readonly #pools = new Map<string, LocalPool>();
  readonly #usages = new Map<string, { readonly usage: Uint8Array; readonly at: number }>();
  readonly #listeners = new Set<(fault: string | null) => void>();
  #fault: string | null = null;

  /**
   * @param now milliseconds, never backwards
   * @param wallClock milliseconds since 1970, for people
   * @param kept null for a store in memory alone
   */
  constructor(
    now: () => number = () => performance.now(),
    wallClock: () => number = () => Date.now(),
    kept: Kept | null = null,
  ) {
    this.#now = now;
    this.#wallClock = wallClock;
    this.name = kept === null ? "memory" : `file://${kept.path}`;
    this.#lock = kept?.lock ?? null;
    this.#file = kept === null || kept.lock === null ? null : this.#keptIn(kept.path);
    for (const pool of kept?.saved ?? []) this.#pools.set(pool.name, this.#open(pool));
  }

  /**
   * Goes on from what the file holds, and keeps it from other processes until it is closed.
   * @throws InputError when it is damaged or something else, cannot be written, or is in use
   */
  static async open(path: string): Promise<LocalStore> {
    // What is wrong with its place is said of itself, not of its lock.
    await readStoreFile(path);
    const lock = await FileLock.take(path);
    try {
      await removeLeftovers(path);
      return new LocalStore(undefined, undefined, { path, saved: await readStoreFile(path), lock });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** What the file holds now, also while another process keeps it; nothing is written. @throws InputError as `open` */
  static async look(path: string): Promise<LocalStore> {
    return new LocalStore(undefined, undefined, { path, saved: await readStoreFile(path), lock: null });
  }

  get fault(): string | null {
    return this.#fault;
  }

  onFault(listener: (fault: string | null) => void): () => void {
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
    for (const [other, reported] of this.#usages) {
      if (now - reported.at > staleMs) this.#usages.delete(other);
      else if (other !== gateway) others.set(other, reported.usage);
    }
    this.#usages.set(gateway, { usage: new Uint8Array(usage), at: now });
    return others;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#lock?.release();
  }

  #keptIn(file: string): StoreFile {
    const pools = () => Array.from(this.#pools.values(), worthKeeping);
    return new StoreFile(file, pools, (fault) => this.#turn(fault));
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

  #turn(fault: string | null): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    for (const listener of this.#listeners) listener(fault);
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
