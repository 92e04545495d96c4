import type { Batching } from "./batching.ts";
import { DecodeFirst } from "./decode-first.ts";
import { PrefillFirst } from "./prefill-first.ts";
import type { StepOrder } from "./rank.ts";

/** The order in which an engine that batches so computes prompts and answers. */
export function stepOrder(batching: Batching): StepOrder {
  return batching.order === "decode-first" ? new DecodeFirst(batching) : new PrefillFirst(batching);
}
