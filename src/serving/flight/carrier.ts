import type { EngineRequest, Exchange, ResponseSink, Shard } from "../engine.ts";
import type { ServingPool } from "../serving-pool.ts";

/**
 * Takes one request to its shard in the engine's place: a proxy that only asks where to. What it has sent cannot be sent
 * again, so there are no retries and no hedges.
 */
export interface Carrier {
  /** The shards of a pool that it can reach; null for all. */
  among(pool: ServingPool): ReadonlySet<number> | null;
  /** The request is to go to this pool, or is refused there; to another, as long as it is not sent. */
  goesTo(pool: ServingPool): void;
  /** The status that clients get for a reason. */
  statusOf(reason: string): number;
  /** As Engine.send. The shard is the one that the pool's router has just chosen. */
  send(pool: ServingPool, shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange;
}
