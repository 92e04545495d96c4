import type { Hardware } from "../../core/cost/hardware.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { EngineSettings } from "../engine-settings.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { PoolMeter } from "../pool-meter.ts";
import type { StepBatch } from "../step-batch.ts";

/** Sends a step's tokens through every MoE layer by one replica map: what that loads, moves and lasts. */
export interface ForwardPass {
  readonly map: ReplicaMap;
  /** @returns milliseconds the pass takes on the modelled hardware */
  run(batch: StepBatch, meter: PoolMeter): number;
}

/** What a pass is made of. */
export interface PassOptions {
  readonly model: MoeModel;
  readonly hardware: Hardware;
  readonly engine: Pick<EngineSettings, "shape" | "overlaps">;
  readonly routing: RoutingSource;
  readonly dispatch: DispatchPolicy;
  readonly seed: number;
  readonly map: ReplicaMap;
}
