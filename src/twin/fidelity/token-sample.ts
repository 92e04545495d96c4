import type { TokenBatch } from "../../core/dispatch/token-batch.ts";
import type { LayerTally } from "../../model/layer-tally.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepBatch } from "../step-batch.ts";

/** Tokens of a step that are dispatched at most. */
const TOKENS = 4096;

/** Some of a step's tokens, evenly spread over it; all of a step that has no more. */
export class TokenSample {
  readonly #routing: RoutingSource;
  readonly #rows = new Int32Array(TOKENS);
  readonly #sources = new Int32Array(TOKENS);
  /** Tokens that each of them stands for. */
  weight = 1;

  constructor(routing: RoutingSource) {
    this.#routing = routing;
  }

  /** @returns until the next call, or while the batch is not changed */
  of(batch: StepBatch): TokenBatch {
    const { experts, rowStride, topk } = this.#routing;
    const { tokens, rows, sources } = batch;
    if (tokens <= TOKENS) {
      this.weight = 1;
      return { tokens, sources, rows, experts, rowStride, topk };
    }
    this.weight = tokens / TOKENS;
    for (let i = 0; i < TOKENS; i++) {
      const token = Math.floor((i + 0.5) * this.weight);
      this.#rows[i] = rows[token];
      this.#sources[i] = sources[token];
    }
    return { tokens: TOKENS, sources: this.#sources, rows: this.#rows, experts, rowStride, topk };
  }
}

/** Makes a tally of a sample one of all tokens, in place. */
export function scaleTally(tally: LayerTally, weight: number): void {
  if (weight === 1) return;
  const { gpuLoad, slotLoad, selectionsFrom, nodeSends, nodeReceives, rankReceives } = tally;
  for (const counts of [gpuLoad, slotLoad, selectionsFrom, nodeSends, nodeReceives, rankReceives]) {
    for (let i = 0; i < counts.length; i++) counts[i] = Math.round(counts[i] * weight);
  }
  tally.hops *= weight;
  tally.nodeHops *= weight;
  tally.selections *= weight;
}
