import { countInto } from "../../lib/log-histogram.ts";
import {
  type CountedTokens,
  type RequestOutcome,
  type TrafficObserver,
  hasFailed,
} from "./traffic-observer.ts";

/** What was measured of a pool's requests; times in ms, by bucket. */
export interface SlotTraffic {
  readonly ended: number;
  readonly failed: number;
  readonly ttft: readonly number[];
  readonly itl: readonly number[];
}

export const NO_TRAFFIC: SlotTraffic = { ended: 0, failed: 0, ttft: [], itl: [] };

interface Counting {
  ended: number;
  failed: number;
  readonly ttft: number[];
  readonly itl: number[];
}

/** Adds up every measure by its pool until it is taken, and passes it on. */
export class TrafficSlots implements TrafficObserver {
  readonly #next: TrafficObserver;
  #pools = new Map<string, Counting>();

  constructor(next: TrafficObserver) {
    this.#next = next;
  }

  firstFrame(pool: string, sinceArrivalMs: number): void {
    countInto(this.#of(pool).ttft, sinceArrivalMs);
    this.#next.firstFrame(pool, sinceArrivalMs);
  }

  laterFrame(pool: string, sincePreviousMs: number): void {
    countInto(this.#of(pool).itl, sincePreviousMs);
    this.#next.laterFrame(pool, sincePreviousMs);
  }

  ended(pool: string, durationMs: number, outcome: RequestOutcome): void {
    const counting = this.#of(pool);
    counting.ended++;
    if (hasFailed(outcome)) counting.failed++;
    this.#next.ended(pool, durationMs, outcome);
  }

  resent(pool: string): void {
    this.#next.resent(pool);
  }

  tokens(pool: string, counted: CountedTokens): void {
    this.#next.tokens(pool, counted);
  }

  refused(pool: string, reason: string): void {
    this.#next.refused(pool, reason);
  }

  /** By pool, everything since the last call. */
  take(): ReadonlyMap<string, SlotTraffic> {
    const taken = this.#pools;
    this.#pools = new Map();
    return taken;
  }

  #of(pool: string): Counting {
    let counting = this.#pools.get(pool);
    if (counting === undefined)
      this.#pools.set(pool, (counting = { ended: 0, failed: 0, ttft: [], itl: [] }));
    return counting;
  }
}
