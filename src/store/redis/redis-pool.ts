import {
  AUDIT_KEPT,
  type AuditEntry,
  CLAIMS_KEPT,
  EPOCHS_KEPT,
  LEARNED_KEPT,
  MESSAGES_KEPT,
  type MessageListener,
  type PoolFollower,
  type PoolRecord,
  type PoolStore,
  type ValueName,
} from "../../control/store.ts";
import { receiveMessages } from "./receive-messages.ts";
import { CHANGES_KEPT, PoolFeed, namedValues } from "./pool-feed.ts";
import { type PoolKeys, poolKeys } from "./pool-keys.ts";
import type { RedisAccess, RedisLink } from "./redis-link.ts";
import { type StreamEntry, firstOfId } from "./stream-entry.ts";

/** One pool's part of Redis. */
export class RedisPool implements PoolStore {
  readonly #access: RedisAccess;
  readonly #link: RedisLink;
  readonly #keys: PoolKeys;
  readonly #feed: PoolFeed;
  readonly #receivers = new Set<() => void>();

  constructor(access: RedisAccess, link: RedisLink, prefix: string, pool: string) {
    this.#access = access;
    this.#link = link;
    this.#keys = poolKeys(prefix, pool);
    this.#feed = new PoolFeed(access, this.#keys);
  }

  async lease(holder: string, ttlMs: number): Promise<number | null> {
    const { lease, fence } = this.#keys;
    return (await this.#link.run("lease", [lease, fence], [holder, ttlMs])) as number | null;
  }

  async release(token: number): Promise<void> {
    await this.#link.run("release", [this.#keys.lease], [token]);
  }

  async read(): Promise<PoolRecord> {
    const { epochs, values, changes } = this.#keys;
    const reply = await this.#link.run("read", [epochs, values, changes], []);
    const [[last], fields] = reply as [StreamEntry[], Buffer[]];
    const named = namedValues(fields);
    if (last === undefined) return { epoch: 0, snapshot: null, values: named };
    return { epoch: firstOfId(last), snapshot: last[1][1], values: named };
  }

  async at(epoch: number): Promise<Uint8Array | null> {
    const id = `${epoch}-1`;
    const { epochs } = this.#keys;
    const [entry] = (await this.#link.call("XRANGE", [epochs], [epochs, id, id])) as StreamEntry[];
    return entry?.[1][1] ?? null;
  }

  async publish(epoch: number, snapshot: Uint8Array, token: number): Promise<void> {
    const { lease, epochs } = this.#keys;
    const args = [token, epoch, snapshot, EPOCHS_KEPT];
    const before = (await this.#link.run("publish", [lease, epochs], args)) as number;
    await this.#feed.published(this.#link, before, epoch, snapshot);
  }

  async restore(epoch: number, snapshot: Uint8Array): Promise<void> {
    await this.#link.run("restore", [this.#keys.epochs], [epoch, snapshot, EPOCHS_KEPT]);
  }

  async put(name: ValueName, value: Uint8Array | null, token: number): Promise<void> {
    const { lease, values, changes } = this.#keys;
    const args = [token, CHANGES_KEPT, name];
    await this.#link.run("put", [lease, values, changes], value === null ? args : [...args, value]);
  }

  async keep(parts: ReadonlyMap<string, Uint8Array | null>, token: number): Promise<void> {
    const kept: (string | Uint8Array)[] = [];
    const forgotten: string[] = [];
    for (const [name, part] of parts) {
      if (part === null) forgotten.push(name);
      else kept.push(name, part);
    }
    const { lease, past } = this.#keys;
    await this.#link.run("keep", [lease, past], [token, kept.length / 2, ...kept, ...forgotten]);
  }

  async keptNames(): Promise<readonly string[]> {
    const { past } = this.#keys;
    return ((await this.#link.call("HKEYS", [past], [past])) as Buffer[]).map(String);
  }

  async kept(names: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    if (names.length === 0) return [];
    const { past } = this.#keys;
    return (await this.#link.call("HMGET", [past], [past, ...names])) as (Buffer | null)[];
  }

  follow(follower: PoolFollower): () => void {
    return this.#feed.follow(follower);
  }

  async send(message: Uint8Array, audit: string | null): Promise<void> {
    const { messages, audit: log } = this.#keys;
    const args = [MESSAGES_KEPT, message, AUDIT_KEPT];
    await this.#link.run("send", [messages, log], audit === null ? args : [...args, audit]);
  }

  receive(token: number, listener: MessageListener): () => void {
    const end = receiveMessages(this.#access, this.#keys, token, listener);
    const stop = () => {
      this.#receivers.delete(stop);
      end();
    };
    this.#receivers.add(stop);
    return stop;
  }

  async claim(names: readonly string[], keepMs: number): Promise<readonly boolean[]> {
    const free = await this.#link.run("claim", [this.#keys.claims], [keepMs, CLAIMS_KEPT, ...names]);
    return (free as number[]).map((one) => one === 1);
  }

  async audit(count: number): Promise<readonly AuditEntry[]> {
    if (count < 1) return [];
    const { audit } = this.#keys;
    const args = [audit, "+", "-", "COUNT", count];
    const entries = (await this.#link.call("XREVRANGE", [audit], args)) as StreamEntry[];
    return entries.map((entry) => ({ atMs: firstOfId(entry), entry: entry[1][1].toString() }));
  }

  async offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null> {
    const { learned: rows, offered } = this.#keys;
    const args = [key, evidence, learned, LEARNED_KEPT];
    return (await this.#link.run("offer", [rows, offered], args)) as Buffer | null;
  }

  async learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    if (keys.length === 0) return [];
    const { learned } = this.#keys;
    const rows = (await this.#link.call("HMGET", [learned], [learned, ...keys])) as (Buffer | null)[];
    return rows.map((row) => row?.subarray(row.indexOf(":") + 1) ?? null);
  }

  close(): void {
    this.#feed.close();
    for (const stop of this.#receivers) stop();
  }
}
