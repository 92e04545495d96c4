import { replicaChooser } from "../core/dispatch/choosers.ts";
import type { ReplicaChooser, ReplicaMap } from "../core/dispatch/replica-chooser.ts";
import { TallyCounter } from "../core/dispatch/tally-counter.ts";
import type { Hardware } from "../core/cost/hardware.ts";
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
  readonly #chooser: ReplicaChooser;
  readonly #counter: TallyCounter;
  readonly #cost: StepCost;
  #slots = new Int32Array(0);

  constructor(model: MoeModel, hardware: Hardware, map: ReplicaMap, policy: DispatchPolicy, seed: number) {
    this.map = map;
    this.#chooser = replicaChooser(policy, map, seed);
    this.#counter = new TallyCounter(map.placement.topology);
    this.#cost = new StepCost(model, map.placement.topology, hardware);
  }

  /** @returns milliseconds the pass takes on the modelled hardware */
  run(batch: StepBatch, routing: RoutingSource, meter: PoolMeter): number {
    const { placement } = this.map;
    const needed = batch.tokens * routing.topk;
    if (this.#slots.length < needed) this.#slots = new Int32Array(needed * 2);
    const tokens = {
      tokens: batch.tokens,
      sources: batch.sources,
      rows: batch.rows,
      experts: routing.experts,
      rowStride: routing.rowStride,
      topk: routing.topk,
    };
    let seconds = this.#cost.fixed(batch.work);
    for (let layer = 0; layer < placement.layers; layer++) {
      this.#chooser.choose(layer, routing.column(layer), tokens, this.#slots);
      const tally = this.#counter.count(tokens, this.#slots);
      seconds += this.#cost.experts(tally, batch.mostTokensOnARank);
      meter.layer(layer, placement, tally);
    }
    const ms = seconds * 1000;
    meter.step(batch, ms);
    return ms;
  }
}
