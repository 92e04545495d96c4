import { replicaChooser } from "../core/dispatch/choosers.ts";
import { Dispatcher } from "../core/dispatch/dispatcher.ts";
import type { ReplicaMap } from "../model/replica-map.ts";
import type { Hardware } from "../core/cost/hardware.ts";
import { PassTime } from "../core/cost/pass-time.ts";
import { StepCost } from "../core/cost/step-cost.ts";
import type { DispatchPolicy } from "../model/dispatch-policy.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { PoolMeter } from "./pool-meter.ts";
import type { RoutingSource } from "./routing-source.ts";
import type { StepBatch } from "./step-batch.ts";

/**
 * Sends a step's tokens through every MoE layer by one replica map: choose, count, cost. The live pool, the
 * virtual run and the comparison all go through here.
 */
export class ForwardPass {
  readonly map: ReplicaMap;
  readonly #dispatcher: Dispatcher;
  readonly #cost: StepCost;

  constructor(model: MoeModel, hardware: Hardware, map: ReplicaMap, policy: DispatchPolicy, seed: number) {
    this.map = map;
    this.#dispatcher = new Dispatcher(map.placement, replicaChooser(policy, map, seed));
    this.#cost = new StepCost(model, map.placement.topology, hardware);
  }

  /** @returns milliseconds the pass takes on the modelled hardware */
  run(batch: StepBatch, routing: RoutingSource, meter: PoolMeter): number {
    const { placement } = this.map;
    const tokens = {
      tokens: batch.tokens,
      sources: batch.sources,
      rows: batch.rows,
      experts: routing.experts,
      rowStride: routing.rowStride,
      topk: routing.topk,
    };
    const time = new PassTime(this.#cost, batch.work);
    for (let layer = 0; layer < placement.layers; layer++) {
      this.#dispatcher.choose(layer, routing.column(layer), tokens);
      const tally = this.#dispatcher.tally();
      time.add(tally);
      meter.layer(layer, placement, tally);
    }
    const ms = time.seconds * 1000;
    meter.step(batch, ms);
    return ms;
  }
}
