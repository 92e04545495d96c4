import { fallen } from "./falling-rows.ts";
import { type PoolRow, poolRowsTogether } from "./pool-row.ts";
import { type TrafficRow, trafficRowsTogether } from "./traffic-row.ts";

/** A pool's last day: seconds of ten minutes, ten seconds of an hour, minutes of a day. Both ascend. */
export interface PoolHistory {
  readonly pool: readonly PoolRow[];
  /** From ten seconds on. */
  readonly traffic: readonly TrafficRow[];
}

export const NO_HISTORY: PoolHistory = { pool: [], traffic: [] };

/** The same at its falling resolution, without what is older than a day. */
export function historyAt({ pool, traffic }: PoolHistory, nowS: number): PoolHistory {
  return {
    pool: fallen(pool, nowS, poolRowsTogether),
    traffic: fallen(traffic, nowS, trafficRowsTogether),
  };
}
