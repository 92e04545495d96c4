import type { Dispatcher } from "../../core/dispatch/dispatcher.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepBatch } from "../step-batch.ts";
import { TokenSample } from "./token-sample.ts";

/** Per token. */
export interface HopRates {
  readonly hops: number;
  readonly nodeHops: number;
}

/** What the tokens of one batch come to in some layers: how far a token travels hardly depends on the batch. */
export function hopRates(
  dispatcher: Dispatcher,
  routing: RoutingSource,
  batch: StepBatch,
  layers: Int32Array,
): HopRates {
  const tokens = new TokenSample(routing).of(batch);
  let [hops, nodeHops] = [0, 0];
  for (const layer of layers) {
    dispatcher.choose(layer, routing.column(layer), tokens);
    const tally = dispatcher.tally();
    hops += tally.hops;
    nodeHops += tally.nodeHops;
  }
  const pairs = tokens.tokens * layers.length;
  return { hops: hops / pairs, nodeHops: nodeHops / pairs };
}
