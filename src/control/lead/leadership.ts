import type { Clock } from "../../lib/clock.ts";
import { type PoolStore, StoreUnreachable } from "../store.ts";

/** Tries so often within the time of a lease: two may fail before it runs out. */
const TRIES_PER_LEASE = 3;

export interface LeadershipOptions {
  readonly store: PoolStore;
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
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  #timer: NodeJS.Timeout | null = null;
  #token: number | null = null;
  #validUntil = 0;
  #stopped = false;
  /** One step after the other. */
  #steps: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** The token of the lease in force; null without. */
  get token(): number | null {
    return this.#token !== null && this.#options.clock.now() < this.#validUntil ? this.#token : null;
  }

  /** Resolves after the first try, and when that took the lease, with the term begun. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.#step();
    const { leaseMs } = this.#options;
    if (!this.#stopped) this.#timer = setInterval(() => void this.#step(), leaseMs / TRIES_PER_LEASE);
  }

  /** Ends the term and gives the lease back; `start` begins anew. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#steps;
    const token = this.#token;
    await this.#end();
    if (token !== null) await this.#options.store.release(token).catch(() => {});
  }

  /** What the term had written is not certain any more: the next begins by reading what the store has. */
  async startOver(): Promise<void> {
    await this.#queue(() => this.#end());
  }

  #step(): Promise<void> {
    return this.#queue(() => this.#hold());
  }

  #queue(step: () => Promise<void>): Promise<void> {
    this.#steps = this.#steps.then(step).catch(this.#options.onFault);
    return this.#steps;
  }

  async #hold(): Promise<void> {
    if (this.#stopped) return;
    const { store, holder, leaseMs, clock, onGained } = this.#options;
    const askedAt = clock.now();
    let token: number | null = null;
    try {
      token = await store.lease(holder, leaseMs);
    } catch (error) {
      // The lease may still have time to run.
      if (this.token === null) await this.#end();
      // Of itself the store says when it does not answer.
      if (error instanceof StoreUnreachable) return;
      throw error;
    }
    if (token !== this.#token) await this.#end();
    if (token === null) return;
    this.#validUntil = askedAt + leaseMs;
    if (this.#token !== null) return;
    this.#token = token;
    try {
      await onGained(token);
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async #end(): Promise<void> {
    if (this.#token === null) return;
    this.#token = null;
    await this.#options.onLost();
  }
}
