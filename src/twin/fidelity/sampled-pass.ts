import { StepCost } from "../../core/cost/step-cost.ts";
import { replicaChooser } from "../../core/dispatch/choosers.ts";
import { Dispatcher } from "../../core/dispatch/dispatcher.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { PoolMeter } from "../pool-meter.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepBatch } from "../step-batch.ts";
import type { ForwardPass, PassOptions } from "./forward-pass.ts";
import type { LayerTurns } from "./layer-turns.ts";
import { SampledTime } from "./sampled-time.ts";
import { TokenSample, scaleTally } from "./token-sample.ts";

/**
 * Some tokens in some layers, which stand for all. Of few tokens the maximum over GPUs is a little high: it has their
 * noise, which all the tokens would have less of. Loads of experts are counted in every layer, of fewer tokens still.
 */
export class SampledPass implements ForwardPass {
  readonly map: ReplicaMap;
  readonly #routing: RoutingSource;
  readonly #turns: LayerTurns;
  readonly #sample: TokenSample;
  readonly #dispatcher: Dispatcher;
  readonly #time: SampledTime;
  #steps = 0;

  constructor(options: PassOptions, turns: LayerTurns) {
    const { model, hardware, engine, routing, dispatch, seed, map } = options;
    this.map = map;
    this.#routing = routing;
    this.#turns = turns;
    this.#sample = new TokenSample(routing);
    this.#dispatcher = new Dispatcher(map.placement, replicaChooser(dispatch, map, seed));
    this.#time = new SampledTime(new StepCost(model, map.placement.topology, hardware, engine), turns.weight);
  }

  run(batch: StepBatch, meter: PoolMeter): number {
    const tokens = this.#sample.of(batch);
    const { weight } = this.#sample;
    this.#time.begin(batch);
    const layers = this.#turns.next();
    // Who sends to whom is counted in one of them: in all of them it would cost a tenth of the pass.
    const watched = layers[this.#steps++ % layers.length];
    for (const layer of layers) {
      const slots = this.#dispatcher.choose(layer, this.#routing.column(layer), tokens);
      const tally = this.#dispatcher.tally();
      scaleTally(tally, weight);
      this.#time.add(layer, tally);
      meter.layer(layer, tally, this.#turns.weight);
      if (layer === watched) meter.dispatched(tokens, slots, weight * this.map.placement.layers);
    }
    const stride = countedStride(batch.tokens, tokens.tokens);
    const counted = Math.ceil(tokens.tokens / stride);
    meter.countTokens(this.#routing, tokens, stride, batch.tokens / counted);
    const { ms } = this.#time;
    meter.step(batch, ms);
    return ms;
  }
}

/** Every how many-th of the sample is counted: at least 128 of the step's tokens, and a sixteenth of many. */
function countedStride(tokens: number, sampled: number): number {
  return Math.max(1, Math.floor(sampled / Math.max(128, tokens / 16)));
}
