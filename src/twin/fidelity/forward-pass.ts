import type { ReplicaMap } from "../../model/replica-map.ts";
import type { PoolMeter } from "../pool-meter.ts";
import type { StepBatch } from "../step-batch.ts";

/** Sends a step's tokens through every MoE layer by one replica map: what that loads, moves and lasts. */
export interface ForwardPass {
  readonly map: ReplicaMap;
  /** @returns milliseconds the pass takes on the modelled hardware */
  run(batch: StepBatch, meter: PoolMeter): number;
}
