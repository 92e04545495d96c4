import type { RequestOutcome } from "../serving/traffic/traffic-observer.ts";
import type { PoolHistogram } from "./pool-histogram.ts";

/** What has been counted since the start. */
export interface Counted {
  /** By pool, then by outcome. */
  readonly ended: ReadonlyMap<string, Readonly<Record<RequestOutcome, number>>>;
  /** By pool. */
  readonly resent: ReadonlyMap<string, number>;
  /** By pool, then by reason. */
  readonly refused: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly times: readonly PoolHistogram[];
}
