import type { Counters } from "../../model/pool-counters.ts";
import {
  type Measured,
  type NotMeasured,
  type PoolState,
  measuredBetween,
} from "../../planner/right-sizing/measured.ts";
import { stateOf } from "../running-pool/found-pool.ts";
import { publishedPools } from "../running-pool/published.ts";

/** What is measured is of so long at most. */
const LOOKED_BACK = 6;
export const LOOK_EVERY_MS = 10_000;

interface Look {
  readonly counters: Counters;
  readonly state: PoolState;
}

/** What a gateway's own traffic of each pool was lately, from two readings of its counters. */
export class RecentTraffic {
  readonly #pools: () => unknown;
  readonly #countersOf: (pool: string) => Counters;
  /** By pool, the oldest first. */
  #looks = new Map<string, readonly Look[]>();

  /**
   * @param pools what `/admin/state` says of them
   * @param countersOf of a pool, since the start
   */
  constructor(pools: () => unknown, countersOf: (pool: string) => Counters) {
    this.#pools = pools;
    this.#countersOf = countersOf;
  }

  /** To be called every `LOOK_EVERY_MS`. */
  look(): void {
    const pools = publishedPools(this.#pools(), "");
    this.#looks = new Map(
      pools.map((front) => {
        const { pool } = front;
        const look = { counters: this.#countersOf(pool), state: stateOf({ front, prefill: null }) };
        return [pool, [...(this.#looks.get(pool) ?? []), look].slice(-LOOKED_BACK)];
      }),
    );
  }

  /** Of the last minute, or since the start where that is less. */
  measured(pool: string): Measured | NotMeasured {
    const looks = this.#looks.get(pool) ?? [];
    const first = looks[0];
    if (first === undefined) return "idle";
    const now = this.#countersOf(pool);
    const states = looks.map(({ state }) => state);
    const pools = publishedPools(this.#pools(), "");
    const front = pools.find((one) => one.pool === pool);
    if (front !== undefined) states.push(stateOf({ front, prefill: null }));
    return measuredBetween(first.counters, now, states);
  }
}
