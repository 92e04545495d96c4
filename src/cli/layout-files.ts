import { join } from "node:path";
import type { DispatchLayout } from "../core/dispatch/dispatch-layout.ts";
import { writeNpyInt32 } from "../formats/npy.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { type Topology, gpuCount, slotCount } from "../model/topology.ts";
import { writeOutput } from "./output.ts";

/** An array that is filled from its front. */
class Filling {
  readonly #values: Int32Array;
  #filled = 0;

  constructor(length: number) {
    this.#values = new Int32Array(length);
  }

  add(values: Int32Array): void {
    this.#values.set(values, this.#filled);
    this.#filled += values.length;
  }

  filled(): Int32Array {
    return this.#values.subarray(0, this.#filled);
  }
}

/**
 * The layouts of a dispatched trace as int32 `.npy` files:
 * - `tokens-per-rank`, `tokens-per-node`, `selections-per-slot`: `[batches, layers, destinations]`;
 * - `token-in-rank`: `[tokens, layers, words]`, bit r % 32 of word ⌊r / 32⌋ for rank r;
 * - `send-tokens`: `[selections]`, the trace's tokens in the order they are sent: by batch, layer, slot and token, so
 *   that the running sum of `selections-per-slot` tells where each destination's begin.
 */
export class LayoutFiles {
  readonly #folder: string;
  readonly #trace: RoutingTrace;
  readonly #batches: number;
  readonly #perRank: Filling;
  readonly #perNode: Filling;
  readonly #perSlot: Filling;
  readonly #inRank: Int32Array;
  readonly #sends: Filling;

  constructor(folder: string, trace: RoutingTrace, batchTokens: number, topology: Topology) {
    const { tokens, layers, topk } = trace;
    this.#folder = folder;
    this.#trace = trace;
    this.#batches = Math.ceil(tokens / batchTokens);
    this.#perRank = new Filling(this.#batches * layers * gpuCount(topology));
    this.#perNode = new Filling(this.#batches * layers * topology.nodes);
    this.#perSlot = new Filling(this.#batches * layers * slotCount(topology));
    this.#inRank = new Int32Array(tokens * layers * Math.ceil(gpuCount(topology) / 32));
    this.#sends = new Filling(tokens * layers * topk);
  }

  /** Adds the next layer of a batch, or the first of the next. @param first the batch's first token */
  add(layer: number, first: number, layout: DispatchLayout): void {
    const { tokens, selections, maskWords, tokenInRank } = layout;
    this.#perRank.add(layout.tokensPerRank);
    this.#perNode.add(layout.tokensPerNode);
    this.#perSlot.add(layout.selectionsPerSlot);
    this.#sends.add(layout.sendTokens.subarray(0, selections).map((token) => first + token));
    for (let token = 0; token < tokens; token++) {
      const row = ((first + token) * this.#trace.layers + layer) * maskWords;
      for (let word = 0; word < maskWords; word++) {
        this.#inRank[row + word] = tokenInRank[token * maskWords + word];
      }
    }
  }

  /** @throws InputError when the folder cannot be written */
  async write(): Promise<void> {
    const { tokens, layers } = this.#trace;
    const save = (name: string, values: Int32Array, ...outer: readonly number[]) => {
      const inner = values.length / outer.reduce((product, size) => product * size, 1);
      return writeOutput(join(this.#folder, `${name}.npy`), writeNpyInt32([...outer, inner], values));
    };
    await save("tokens-per-rank", this.#perRank.filled(), this.#batches, layers);
    await save("tokens-per-node", this.#perNode.filled(), this.#batches, layers);
    await save("selections-per-slot", this.#perSlot.filled(), this.#batches, layers);
    await save("token-in-rank", this.#inRank, tokens, layers);
    await save("send-tokens", this.#sends.filled());
  }
}
