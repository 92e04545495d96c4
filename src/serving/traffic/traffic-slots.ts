import { countInto } from "../../lib/log-histogram.ts";

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

/** Adds up what is measured of each pool's requests until it is taken. */
export class TrafficSlots {
  #pools = new Map<string, Counting>();

  first(pool: string, sinceArrivalMs: number): void {
    countInto(this.#of(pool).ttft, sinceArrivalMs);
  }

  later(pool: string, sincePreviousMs: number): void {
    countInto(this.#of(pool).itl, sincePreviousMs);
  }

  ended(pool: string, failed: boolean): void {
    const counting = this.#of(pool);
    counting.ended++;
    if (failed) counting.failed++;
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
