import {
  AUDIT_KEPT,
  type AuditEntry,
  EPOCHS_KEPT,
  LEARNED_KEPT,
  LeaseLost,
  MESSAGES_KEPT,
  type PoolFollower,
  type PoolRecord,
  type PoolStore,
  StaleEpoch,
  type ValueName,
} from "../../control/store.ts";

interface Lease {
  readonly holder: string;
  readonly token: number;
  until: number;
}

interface Listener {
  readonly token: number;
  readonly hear: (messages: readonly Uint8Array[]) => Promise<void>;
}

/** One pool's part of a local store. */
export class LocalPool implements PoolStore {
  readonly #name: string;
  readonly #now: () => number;
  readonly #epochs = new Map<number, Uint8Array>();
  readonly #values = new Map<ValueName, Uint8Array>();
  readonly #followers = new Set<PoolFollower>();
  readonly #audit: AuditEntry[] = [];
  readonly #claims = new Map<string, number>();
  /** The longest unoffered first. */
  readonly #learned = new Map<string, { readonly evidence: number; readonly learned: Uint8Array }>();
  #messages: Uint8Array[] = [];
  #epoch = 0;
  #tokens = 0;
  #lease: Lease | null = null;
  #listener: Listener | null = null;
  #delivering = false;

  constructor(name: string, now: () => number) {
    this.#name = name;
    this.#now = now;
  }

  async lease(holder: string, ttlMs: number): Promise<number | null> {
    const held = this.#held();
    if (held !== null && held.holder !== holder) return null;
    const token = held?.token ?? ++this.#tokens;
    this.#lease = { holder, token, until: this.#now() + ttlMs };
    return token;
  }

  async release(token: number): Promise<void> {
    if (this.#lease?.token === token) this.#lease = null;
  }

  async read(): Promise<PoolRecord> {
    return {
      epoch: this.#epoch,
      snapshot: this.#epochs.get(this.#epoch) ?? null,
      values: new Map(this.#values),
    };
  }

  async at(epoch: number): Promise<Uint8Array | null> {
    return this.#epochs.get(epoch) ?? null;
  }

  async publish(epoch: number, snapshot: Uint8Array, token: number): Promise<void> {
    this.#fence(token);
    if (epoch <= this.#epoch)
      throw new StaleEpoch(`pool ${this.#name} has epoch ${this.#epoch} already; ${epoch} is not above it`);
    this.#append(epoch, snapshot);
  }

  async restore(epoch: number, snapshot: Uint8Array): Promise<void> {
    if (epoch > this.#epoch) this.#append(epoch, snapshot);
  }

  async put(name: ValueName, value: Uint8Array | null, token: number): Promise<void> {
    this.#fence(token);
    if (value === null) this.#values.delete(name);
    else this.#values.set(name, value);
    for (const follower of this.#followers) follower.value(name, value);
  }

  follow(follower: PoolFollower): () => void {
    this.#followers.add(follower);
    const last = this.#epochs.get(this.#epoch);
    if (last !== undefined) follower.epoch(this.#epoch, last);
    for (const [name, value] of this.#values) follower.value(name, value);
    return () => this.#followers.delete(follower);
  }

  async tell(message: Uint8Array, audit: string | null): Promise<void> {
    if (audit !== null) {
      this.#audit.push({ atMs: Date.now(), entry: audit });
      if (this.#audit.length > AUDIT_KEPT) this.#audit.shift();
    }
    this.#messages.push(message);
    if (this.#messages.length > MESSAGES_KEPT) this.#messages.shift();
    void this.#deliver();
  }

  hear(token: number, hear: Listener["hear"]): () => void {
    const listener = { token, hear };
    this.#listener = listener;
    void this.#deliver();
    return () => {
      if (this.#listener === listener) this.#listener = null;
    };
  }

  async claim(names: readonly string[], keepMs: number): Promise<readonly boolean[]> {
    const now = this.#now();
    for (const [name, until] of this.#claims) {
      if (until > now) break;
      this.#claims.delete(name);
    }
    return names.map((name) => {
      if ((this.#claims.get(name) ?? Number.NEGATIVE_INFINITY) > now) return false;
      this.#claims.delete(name);
      this.#claims.set(name, now + keepMs);
      return true;
    });
  }

  async audit(count: number): Promise<readonly AuditEntry[]> {
    return this.#audit.slice(-count).toReversed();
  }

  async offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null> {
    const kept = this.#learned.get(key);
    this.#learned.delete(key);
    const better = kept !== undefined && kept.evidence > evidence;
    this.#learned.set(key, better ? kept : { evidence, learned });
    if (this.#learned.size > LEARNED_KEPT) this.#learned.delete(this.#learned.keys().next().value as string);
    return better ? kept.learned : null;
  }

  async learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    return keys.map((key) => this.#learned.get(key)?.learned ?? null);
  }

  #held(): Lease | null {
    return this.#lease !== null && this.#lease.until > this.#now() ? this.#lease : null;
  }

  #fence(token: number): void {
    if (this.#held()?.token !== token)
      throw new LeaseLost(`lease ${token} of pool ${this.#name} is not in force any more`);
  }

  #append(epoch: number, snapshot: Uint8Array): void {
    this.#epoch = epoch;
    this.#epochs.set(epoch, snapshot);
    if (this.#epochs.size > EPOCHS_KEPT) this.#epochs.delete(this.#epochs.keys().next().value as number);
    for (const follower of this.#followers) follower.epoch(epoch, snapshot);
  }

  /** What is being heard stays until it has been. */
  async #deliver(): Promise<void> {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (;;) {
        await Promise.resolve();
        const listener = this.#listener;
        if (listener === null || this.#messages.length === 0) return;
        if (this.#held()?.token !== listener.token) return;
        const heard = [...this.#messages];
        try {
          await listener.hear(heard);
        } catch {
          return;
        }
        const done = new Set(heard);
        if (this.#held()?.token === listener.token)
          this.#messages = this.#messages.filter((message) => !done.has(message));
      }
    } finally {
      this.#delivering = false;
    }
  }
}
