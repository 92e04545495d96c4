import { PassTime } from "../../core/cost/pass-time.ts";
import { StepCost } from "../../core/cost/step-cost.ts";
import { replicaChooser } from "../../core/dispatch/choosers.ts";
import { Dispatcher } from "../../core/dispatch/dispatcher.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { PoolMeter } from "../pool-meter.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepBatch } from "../step-batch.ts";
import type { ForwardPass, PassOptions } from "./forward-pass.ts";

/** Every token of every layer: choose, count, cost. */
export class ExactPass implements ForwardPass {
  readonly map: ReplicaMap;
  readonly #routing: RoutingSource;
  readonly #dispatcher: Dispatcher;
  readonly #cost: StepCost;

  constructor({ model, hardware, engine, routing, dispatch, seed, map }: PassOptions) {
    this.map = map;
    this.#routing = routing;
    this.#dispatcher = new Dispatcher(map.placement, replicaChooser(dispatch, map, seed));
    this.#cost = new StepCost(model, map.placement.topology, hardware, engine);
  }

  run(batch: StepBatch, meter: PoolMeter): number {
    const { placement } = this.map;
    const { experts, rowStride, topk } = this.#routing;
    const { tokens, sources, rows } = batch;
    const routed = { tokens, sources, rows, experts, rowStride, topk };
    const time = new PassTime(this.#cost, batch.work);
    for (let layer = 0; layer < placement.layers; layer++) {
      const slots = this.#dispatcher.choose(layer, this.#routing.column(layer), routed);
      const tally = this.#dispatcher.tally();
      time.add(tally);
      meter.layer(layer, tally);
      meter.dispatched(routed, slots, 1);
      meter.countSlots(layer, placement, tally);
    }
    const ms = time.seconds * 1000;
    meter.step(batch, ms);
    return ms;
  }
}
