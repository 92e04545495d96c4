import type { Clock } from "../../lib/clock.ts";
import { type PoolStore, StoreUnreachable } from "../store.ts";

/** Tries so often within the time of a lease: one may fail before it runs out. */
const TRIES_PER_LEASE = 3;
/** The store's clock is another's, and may be set: who holds a lease counts on this part of it. */
const COUNTED_ON = 0.9;
/** That another holds it is known for so many leases: it is asked for again and again. */
const KNOWN_FOR_LEASES = 2;
/** Who does not begin its term within so many leases lets others try. */
const BEGINS_WITHIN_LEASES = 10;

export interface LeadershipOptions {
  readonly store: Pick<PoolStore, "lease" | "release">;
  /** The name of what may hold the lease; no two have the same. */
  readonly holder: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  /** The lease is this gateway's: a term begins. Failing ends the term. */
  readonly onGained: (token: number) => Promise<void>;
  /** The term is over: the lease was lost, or its end was asked for. */
  readonly onLost: () => Promise<void>;
  readonly onFault: (fault: Error) => void;
}

/**
 * Holds a pool's lease as long as it can. A lease counts from before it was asked for, by a clock that never jumps: a
 * process that was stopped finds it gone when it wakes, whatever the time of day. The store has the last word: it takes
 * nothing under a token that is not in force.
 *
 * The lease is asked for again and again whatever terms do: one that takes long to begin, or to end, does not lose it.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  #timer: NodeJS.Timeout | null = null;
  /** As the store gave it last; null where another has it, or it is to be begun anew. */
  #lease: number | null = null;
  #validUntil = 0;
  /** Until then it is known that another holds it. */
  #elsewhereUntil = 0;
  /** Of the term that has begun, or begins. */
  #term: number | null = null;
  /** When the one that begins did so; null while none does. */
  #beginsAt: number | null = null;
  #stopped = false;
  /** One question after the other. */
  #asked: Promise<void> = Promise.resolve();
  /** One beginning or end after the other. */
  #terms: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** The token of the term, while its lease is in force; null without. */
  get token(): number | null {
    return this.#term !== null && this.#term === this.#lease && this.#valid ? this.#term : null;
  }

  /** Where the lease is, as far as the store has said lately; null where that is not known, or nobody has it. */
  get heldBy(): "this" | "another" | null {
    if (this.#lease !== null && this.#valid) return "this";
    return this.#options.clock.now() < this.#elsewhereUntil ? "another" : null;
  }

  /** Resolves after the first try, and when that took the lease, with the term begun. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.#ask();
    if (this.#stopped) return;
    this.#timer = setInterval(() => void this.#ask(), this.#options.leaseMs / TRIES_PER_LEASE);
    await this.#terms;
  }

  /** Ends the term and gives the lease back; `start` begins anew. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#asked;
    const token = this.#lease ?? this.#term;
    await this.#follow(null);
    if (token !== null) await this.#options.store.release(token).catch(() => {});
  }

  /** What the term had written is not certain any more: the next begins by reading what the store has. */
  startOver(): Promise<void> {
    return this.#follow(null);
  }

  get #valid(): boolean {
    return this.#options.clock.now() < this.#validUntil;
  }

  #ask(): Promise<void> {
    this.#asked = this.#asked.then(() => this.#hold()).catch(this.#options.onFault);
    return this.#asked;
  }

  async #hold(): Promise<void> {
    const { store, holder, leaseMs, clock } = this.#options;
    const askedAt = clock.now();
    const begins = this.#beginsAt === null ? 0 : askedAt - this.#beginsAt;
    if (this.#stopped || begins > BEGINS_WITHIN_LEASES * leaseMs) return;
    let token: number | null = null;
    try {
      token = await store.lease(holder, leaseMs);
    } catch (error) {
      // The lease may still have time to run.
      if (!this.#valid) void this.#follow(null);
      // Of itself the store says when it does not answer.
      if (error instanceof StoreUnreachable) return;
      throw error;
    }
    if (token !== null) this.#validUntil = askedAt + COUNTED_ON * leaseMs;
    this.#elsewhereUntil = token === null ? askedAt + KNOWN_FOR_LEASES * leaseMs : 0;
    if (token !== this.#lease) void this.#follow(token);
  }

  /** What the store says is so at once; the terms follow. @returns when they have */
  #follow(lease: number | null): Promise<void> {
    this.#lease = lease;
    this.#terms = this.#terms.then(() => this.#take(lease)).catch(this.#options.onFault);
    return this.#terms;
  }

  async #take(lease: number | null): Promise<void> {
    await this.#end();
    // Meanwhile it may be another.
    if (lease === null || lease !== this.#lease) return;
    this.#term = lease;
    this.#beginsAt = this.#options.clock.now();
    try {
      await this.#options.onGained(lease);
    } catch (error) {
      // The next try begins anew.
      if (this.#lease === lease) this.#lease = null;
      await this.#end();
      throw error;
    } finally {
      this.#beginsAt = null;
    }
  }

  async #end(): Promise<void> {
    if (this.#term === null) return;
    this.#term = null;
    await this.#options.onLost();
  }
}
