import type { PoolFollower, ValueName } from "../../control/store.ts";
import type { PoolKeys } from "./pool-keys.ts";
import type { RedisAccess, RedisLink } from "./redis-link.ts";
import { BLOCK_MS, retrying } from "./retrying.ts";
import { type StreamEntry, firstOfId } from "./stream-entry.ts";

/** Changes of values that wait for those who follow; who misses some reads all values again. */
export const CHANGES_KEPT = 16;

/**
 * Receives a pool's epochs and values for all in this process that follow it. An epoch's number is its place in the
 * stream: whatever became of the store meanwhile, reading on from the last that was received gives only higher ones.
 */
export class PoolFeed {
  readonly #access: RedisAccess;
  readonly #keys: PoolKeys;
  readonly #followers = new Set<PoolFollower>();
  #stop: (() => void) | null = null;
  #epoch = 0;
  #snapshot: Uint8Array = new Uint8Array();
  readonly #values = new Map<ValueName, Uint8Array>();
  #change = "0-0";

  constructor(access: RedisAccess, keys: PoolKeys) {
    this.#access = access;
    this.#keys = keys;
  }

  follow(follower: PoolFollower): () => void {
    this.#followers.add(follower);
    if (this.#epoch > 0) follower.epoch(this.#epoch, this.#snapshot);
    for (const [name, value] of this.#values) follower.value(name, value);
    this.#stop ??= retrying(this.#access, (link) => this.#read(link));
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.close();
    };
  }

  /**
   * Hands on what this process has published, and first what it had not received before that.
   * @param before the epoch before it
   */
  async published(link: RedisLink, before: number, epoch: number, snapshot: Uint8Array): Promise<void> {
    if (this.#stop === null) return;
    if (this.#epoch > 0 && this.#epoch < before) {
      const { epochs } = this.#keys;
      const missed = await link.call("XRANGE", [epochs], [epochs, `${this.#epoch}-2`, `${before}-1`]);
      this.#hearEpochs(missed as StreamEntry[]);
    }
    this.#hearEpoch(epoch, snapshot);
  }

  close(): void {
    this.#stop?.();
    this.#stop = null;
    this.#epoch = 0;
    this.#values.clear();
  }

  async #read(link: RedisLink): Promise<void> {
    await this.#readAll(link);
    const { epochs, changes } = this.#keys;
    for (;;) {
      const after = [epochs, changes, `${this.#epoch}-1`, this.#change];
      const read = ["COUNT", CHANGES_KEPT, "BLOCK", BLOCK_MS, "STREAMS", ...after];
      const streams = (await link.call("XREAD", [epochs, changes], read)) as [Buffer, StreamEntry[]][] | null;
      for (const [stream, entries] of streams ?? []) {
        if (stream.toString() === epochs) this.#hearEpochs(entries);
        else if (entries.length < CHANGES_KEPT) this.#hearChanges(entries);
        // Others may have been pushed out before these.
        else await this.#readAll(link);
      }
    }
  }

  async #readAll(link: RedisLink): Promise<void> {
    const { epochs, values, changes } = this.#keys;
    const [last, fields, change] = (await link.run("read", [epochs, values, changes], [])) as [
      StreamEntry[],
      Buffer[],
      Buffer,
    ];
    if (this.#epoch === 0) this.#hearEpochs(last);
    const found = namedValues(fields);
    for (const name of this.#values.keys()) if (!found.has(name)) this.#hearValue(name, null);
    for (const [name, value] of found) this.#hearValue(name, value);
    this.#change = change.toString();
  }

  #hearEpochs(entries: readonly StreamEntry[]): void {
    for (const entry of entries) this.#hearEpoch(firstOfId(entry), entry[1][1]);
  }

  #hearEpoch(epoch: number, snapshot: Uint8Array): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    this.#snapshot = snapshot;
    for (const follower of this.#followers) follower.epoch(epoch, snapshot);
  }

  #hearChanges(entries: readonly StreamEntry[]): void {
    for (const [id, [, name, , value]] of entries) {
      this.#hearValue(name.toString() as ValueName, value ?? null);
      this.#change = id.toString();
    }
  }

  #hearValue(name: ValueName, value: Buffer | null): void {
    const known = this.#values.get(name);
    if (known === undefined ? value === null : value?.equals(known)) return;
    if (value === null) this.#values.delete(name);
    else this.#values.set(name, value);
    for (const follower of this.#followers) follower.value(name, value);
  }
}

/** @param fields names and values in turn */
export function namedValues(fields: readonly Buffer[]): Map<ValueName, Buffer> {
  const values = new Map<ValueName, Buffer>();
  for (let i = 0; i < fields.length; i += 2) values.set(fields[i].toString() as ValueName, fields[i + 1]);
  return values;
}
