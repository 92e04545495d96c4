import {
  AUDIT_KEPT,
  type AuditEntry,
  EPOCHS_KEPT,
  LeaseLost,
  type MessageListener,
  type PoolFollower,
  type PoolRecord,
  type PoolStore,
  StaleEpoch,
  VALUE_NAMES,
  type ValueName,
} from "../../control/store.ts";
import { Claims } from "./claims.ts";
import { LearnedRows } from "./learned-rows.ts";
import { MessageQueue } from "./message-queue.ts";
import type { SavedPool } from "./saved-pools.ts";

/** What changes with every report means nothing to the next process. */
const PASSING: ReadonlySet<ValueName> = new Set(["report", "engine", "exchange"]);
const OUTLIVES: ReadonlySet<ValueName> = new Set(VALUE_NAMES.filter((name) => !PASSING.has(name)));

interface Lease {
  readonly holder: string;
  readonly token: number;
  readonly until: number;
}

/** What a pool needs of the store it is part of. */
export interface LocalPoolSurroundings {
  /** Milliseconds, never backwards. */
  readonly now: () => number;
  /** Milliseconds since 1970, for people. */
  readonly wallClock: () => number;
  /** Resolves once what has changed outlives the process, as far as it can; null where nothing does. */
  readonly keep: (() => Promise<void>) | null;
  /** The same, some time later. */
  readonly keepSoon: () => void;
}

/** One pool's part of a local store. */
export class LocalPool implements PoolStore {
  readonly #name: string;
  readonly #around: LocalPoolSurroundings;
  readonly #epochs: Map<number, Uint8Array>;
  readonly #values: Map<ValueName, Uint8Array>;
  readonly #parts: Map<string, Uint8Array>;
  readonly #learned: LearnedRows;
  readonly #audit: AuditEntry[];
  readonly #claims = new Claims();
  readonly #messages = new MessageQueue();
  readonly #followers = new Set<PoolFollower>();
  #epoch: number;
  /** The last that followers have received. */
  #followed: number;
  #tokens: number;
  #lease: Lease | null = null;

  constructor(saved: SavedPool, surroundings: LocalPoolSurroundings) {
    this.#name = saved.name;
    this.#around = surroundings;
    this.#tokens = saved.tokens;
    this.#epochs = new Map(saved.epochs);
    this.#epoch = saved.epochs.at(-1)?.[0] ?? 0;
    this.#followed = this.#epoch;
    this.#values = new Map(saved.values);
    this.#parts = new Map(saved.parts);
    this.#learned = new LearnedRows(saved.learned);
    this.#audit = [...saved.audit];
  }

  /** What outlives the process; nothing in it changes. */
  save(): SavedPool {
    return {
      name: this.#name,
      tokens: this.#tokens,
      epochs: [...this.#epochs],
      values: [...this.#values].filter(([name]) => OUTLIVES.has(name)),
      parts: [...this.#parts],
      learned: this.#learned.rows(),
      audit: this.#audit.slice(),
    };
  }

  async lease(holder: string, ttlMs: number): Promise<number | null> {
    const held = this.#held();
    if (held !== null && held.holder !== holder) return null;
    if (held === null) {
      this.#tokens++;
      this.#around.keepSoon();
    }
    this.#lease = { holder, token: this.#tokens, until: this.#around.now() + ttlMs };
    return this.#tokens;
  }

  async release(token: number): Promise<void> {
    if (this.#lease?.token === token) this.#lease = null;
  }

  async read(): Promise<PoolRecord> {
    const snapshot = this.#epochs.get(this.#epoch) ?? null;
    return { epoch: this.#epoch, snapshot, values: new Map(this.#values) };
  }

  async at(epoch: number): Promise<Uint8Array | null> {
    return this.#epochs.get(epoch) ?? null;
  }

  async publish(epoch: number, snapshot: Uint8Array, token: number): Promise<void> {
    this.#fence(token);
    if (epoch <= this.#epoch)
      throw new StaleEpoch(`pool ${this.#name} has epoch ${this.#epoch}; ${epoch} is not above it`);
    await this.#append(epoch, snapshot);
  }

  async restore(epoch: number, snapshot: Uint8Array): Promise<void> {
    if (epoch > this.#epoch) await this.#append(epoch, snapshot);
  }

  async put(name: ValueName, value: Uint8Array | null, token: number): Promise<void> {
    this.#fence(token);
    const kept = value === null ? null : new Uint8Array(value);
    if (kept === null) this.#values.delete(name);
    else this.#values.set(name, kept);
    if (OUTLIVES.has(name)) this.#around.keepSoon();
    for (const follower of this.#followers) follower.value(name, kept);
  }

  async keep(parts: ReadonlyMap<string, Uint8Array | null>, token: number): Promise<void> {
    this.#fence(token);
    for (const [name, part] of parts) {
      if (part === null) this.#parts.delete(name);
      else this.#parts.set(name, new Uint8Array(part));
    }
    this.#around.keepSoon();
  }

  async keptNames(): Promise<readonly string[]> {
    return [...this.#parts.keys()];
  }

  async kept(names: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    return names.map((name) => this.#parts.get(name) ?? null);
  }

  follow(follower: PoolFollower): () => void {
    this.#followers.add(follower);
    const last = this.#epochs.get(this.#followed);
    if (last !== undefined) follower.epoch(this.#followed, last);
    for (const [name, value] of this.#values) follower.value(name, value);
    return () => this.#followers.delete(follower);
  }

  async send(message: Uint8Array, audit: string | null): Promise<void> {
    if (audit !== null) {
      this.#audit.push({ atMs: this.#around.wallClock(), entry: audit });
      if (this.#audit.length > AUDIT_KEPT) this.#audit.shift();
      this.#around.keepSoon();
    }
    this.#messages.push(new Uint8Array(message));
  }

  receive(token: number, listener: MessageListener): () => void {
    return this.#messages.receive(() => this.#held()?.token === token, listener);
  }

  async claim(names: readonly string[], keepMs: number): Promise<readonly boolean[]> {
    const now = this.#around.now();
    return names.map((name) => this.#claims.claim(name, now, keepMs));
  }

  async audit(count: number): Promise<readonly AuditEntry[]> {
    return count > 0 ? this.#audit.slice(-count).toReversed() : [];
  }

  async offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null> {
    this.#around.keepSoon();
    return this.#learned.offer([key, evidence, new Uint8Array(learned)]);
  }

  async learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    return keys.map((key) => this.#learned.get(key));
  }

  #held(): Lease | null {
    return this.#lease !== null && this.#lease.until > this.#around.now() ? this.#lease : null;
  }

  #fence(token: number): void {
    if (this.#held()?.token !== token)
      throw new LeaseLost(`lease ${token} of pool ${this.#name} is not in force any more`);
  }

  /** Published only once it is kept: after a crash no epoch comes back as another. */
  async #append(epoch: number, snapshot: Uint8Array): Promise<void> {
    const kept = new Uint8Array(snapshot);
    this.#epoch = epoch;
    this.#epochs.set(epoch, kept);
    if (this.#epochs.size > EPOCHS_KEPT) this.#epochs.delete(this.#epochs.keys().next().value as number);
    if (this.#around.keep !== null) await this.#around.keep();
    this.#followed = epoch;
    for (const follower of this.#followers) follower.epoch(epoch, kept);
  }
}
