import {
  type AuditEntry,
  type MessageListener,
  type PoolFollower,
  type PoolRecord,
  type PoolStore,
  type Store,
  StoreUnreachable,
  type ValueName,
} from "../../src/control/store.ts";

/** One gateway's way to a store that others reach too, which can be cut. What it missed it hears when it is joined again. */
export class PartitionedStore implements Store {
  readonly name = "partitioned";
  readonly #store: Store;
  readonly #listeners = new Set<(fault: string | null) => void>();
  readonly #pools = new Map<string, PartitionedPool>();
  #reachable = true;
  #left = Number.POSITIVE_INFINITY;

  constructor(store: Store) {
    this.#store = store;
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (!this.#reachable) throw new StoreUnreachable("cut off");
    if (this.#left-- > 0) return question();
    this.#turn(false);
    await question();
    throw new StoreUnreachable("cut off before it answered");
  }

  get fault(): string | null {
    return this.#reachable ? null : "cut off";
  }

  onFault(listener: (fault: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  cut(): void {
    this.#turn(false);
  }

  /** @param questions that are answered still; what the one after them asks for is done, but its answer is lost */
  cutAfter(questions: number): void {
    this.#left = questions;
  }

  join(): void {
    this.#left = Number.POSITIVE_INFINITY;
    this.#turn(true);
    for (const pool of this.#pools.values()) pool.catchUp();
  }

  #turn(reachable: boolean): void {
    this.#reachable = reachable;
    for (const listener of this.#listeners) listener(this.fault);
  }

  pool(name: string): PoolStore {
    let pool = this.#pools.get(name);
    if (pool === undefined)
      this.#pools.set(
        name,
        (pool = new PartitionedPool(
          this.#store.pool(name),
          () => this.#reachable,
          (question) => this.#ask(question),
        )),
      );
    return pool;
  }

  async share(gateway: string, usage: Uint8Array, staleMs: number): Promise<ReadonlyMap<string, Uint8Array>> {
    if (!this.#reachable) throw new StoreUnreachable("cut off");
    return this.#store.share(gateway, usage, staleMs);
  }

  async close(): Promise<void> {}
}

class PartitionedPool implements PoolStore {
  readonly #pool: PoolStore;
  readonly #reachable: () => boolean;
  readonly #ask: <T>(question: () => Promise<T>) => Promise<T>;
  readonly #follows = new Set<{ readonly follower: PoolFollower; stop: () => void }>();
  readonly #hears = new Set<() => void>();

  constructor(pool: PoolStore, reachable: () => boolean, ask: <T>(question: () => Promise<T>) => Promise<T>) {
    this.#pool = pool;
    this.#reachable = reachable;
    this.#ask = ask;
  }

  catchUp(): void {
    for (const follow of this.#follows) {
      follow.stop();
      follow.stop = this.#pool.follow(this.#through(follow.follower));
    }
    for (const hear of this.#hears) hear();
  }

  #through(follower: PoolFollower): PoolFollower {
    return {
      epoch: (epoch, snapshot) => {
        if (this.#reachable()) follower.epoch(epoch, snapshot);
      },
      value: (name, value) => {
        if (this.#reachable()) follower.value(name, value);
      },
    };
  }

  follow(follower: PoolFollower): () => void {
    const follow = { follower, stop: this.#pool.follow(this.#through(follower)) };
    this.#follows.add(follow);
    return () => {
      follow.stop();
      this.#follows.delete(follow);
    };
  }

  receive(token: number, listener: MessageListener): () => void {
    let stop = () => {};
    const begin = () => {
      stop();
      stop = this.#pool.receive(token, async (messages) => {
        if (!this.#reachable()) throw new StoreUnreachable("cut off");
        return listener(messages);
      });
    };
    begin();
    this.#hears.add(begin);
    return () => {
      this.#hears.delete(begin);
      stop();
    };
  }

  lease(holder: string, ttlMs: number): Promise<number | null> {
    return this.#ask(() => this.#pool.lease(holder, ttlMs));
  }
  release(token: number): Promise<void> {
    return this.#ask(() => this.#pool.release(token));
  }
  read(): Promise<PoolRecord> {
    return this.#ask(() => this.#pool.read());
  }
  at(epoch: number): Promise<Uint8Array | null> {
    return this.#ask(() => this.#pool.at(epoch));
  }
  publish(epoch: number, snapshot: Uint8Array, token: number): Promise<void> {
    return this.#ask(() => this.#pool.publish(epoch, snapshot, token));
  }
  restore(epoch: number, snapshot: Uint8Array): Promise<void> {
    return this.#ask(() => this.#pool.restore(epoch, snapshot));
  }
  put(name: ValueName, value: Uint8Array | null, token: number): Promise<void> {
    return this.#ask(() => this.#pool.put(name, value, token));
  }
  keep(parts: ReadonlyMap<string, Uint8Array | null>, token: number): Promise<void> {
    return this.#ask(() => this.#pool.keep(parts, token));
  }
  keptNames(): Promise<readonly string[]> {
    return this.#ask(() => this.#pool.keptNames());
  }
  kept(names: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#ask(() => this.#pool.kept(names));
  }
  send(message: Uint8Array, audit: string | null): Promise<void> {
    return this.#ask(() => this.#pool.send(message, audit));
  }
  claim(names: readonly string[], keepMs: number): Promise<readonly boolean[]> {
    return this.#ask(() => this.#pool.claim(names, keepMs));
  }
  audit(count: number): Promise<readonly AuditEntry[]> {
    return this.#ask(() => this.#pool.audit(count));
  }
  offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null> {
    return this.#ask(() => this.#pool.offer(key, evidence, learned));
  }
  learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#ask(() => this.#pool.learned(keys));
  }
}
