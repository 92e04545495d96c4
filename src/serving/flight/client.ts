import type { EngineUnreachable, ResponseHeaders, Shard } from "../engine.ts";
import type { NoShardAvailable, Refused } from "../refusals.ts";

/**
 * Where a request's answer goes. Hears either `refused`, or `head`, then `data` any number of times, then `end` or
 * `brokenOff`.
 */
export interface Client {
  /** @param epoch of the decision it was routed by; 0 where the pool has no expert plane */
  headers(head: ResponseHeaders, shard: Shard, epoch: number): void;
  /** @returns false to hear no more until `Flight.resume` */
  data(chunk: Buffer): boolean;
  end(): void;
  /** What was relayed is not whole. */
  brokenOff(fault: EngineUnreachable): void;
  /** The request will not be sent again: its body may be forgotten. Comes once, before or with the end. */
  bodyReleased(): void;
  /** Nothing was relayed. */
  refused(error: Refused | NoShardAvailable | EngineUnreachable): void;
}
