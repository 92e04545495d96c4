import { join } from "node:path";
import type { DispatchLayout } from "../core/dispatch/dispatch-layout.ts";
import { writeNpyInt32 } from "../formats/npy.ts";
import type { TraceRows } from "../model/routing-trace.ts";
import { type Topology, gpuCount, slotCount } from "../model/topology.ts";
import { writeOutput } from "./output.ts";

/**
 * The layouts of a dispatched trace as int32 `.npy` files, with the trace's layers; one that is not dispatched sends
 * nothing:
 * - `tokens-per-rank`, `tokens-per-node`, `selections-per-slot`: `[batches, layers, destinations]`;
 * - `token-in-rank`: `[tokens, layers, words]`, bit r % 32 of word ⌊r / 32⌋ for rank r;
 * - `send-tokens`: `[selections]`, the trace's tokens in the order they are sent: by batch, layer, slot and token, so
 *   that the running sum of `selections-per-slot` tells where each destination's begin.
 */
export class LayoutFiles {
  readonly #folder: string;
  readonly #routing: TraceRows;
  readonly #batchTokens: number;
  readonly #batches: number;
  readonly #perRank: Int32Array;
  readonly #perNode: Int32Array;
  readonly #perSlot: Int32Array;
  readonly #inRank: Int32Array;
  readonly #sends: Int32Array;
  #sent = 0;

  constructor(folder: string, routing: TraceRows, batchTokens: number, topology: Topology) {
    const { trace, depth } = routing;
    const { tokens, layers, topk } = trace;
    this.#folder = folder;
    this.#routing = routing;
    this.#batchTokens = batchTokens;
    this.#batches = Math.ceil(tokens / batchTokens);
    this.#perRank = new Int32Array(this.#batches * depth * gpuCount(topology));
    this.#perNode = new Int32Array(this.#batches * depth * topology.nodes);
    this.#perSlot = new Int32Array(this.#batches * depth * slotCount(topology));
    this.#inRank = new Int32Array(tokens * depth * Math.ceil(gpuCount(topology) / 32));
    this.#sends = new Int32Array(tokens * layers * topk);
  }

  /** Adds the next layer of a batch, or the first of the next. @param first the batch's first token */
  add(layer: number, first: number, layout: DispatchLayout): void {
    const { tokens, selections, maskWords, tokenInRank, tokensPerRank, tokensPerNode, selectionsPerSlot } =
      layout;
    const { rows, depth } = this.#routing;
    const row = rows[layer];
    const at = (first / this.#batchTokens) * depth + row;
    this.#perRank.set(tokensPerRank, at * tokensPerRank.length);
    this.#perNode.set(tokensPerNode, at * tokensPerNode.length);
    this.#perSlot.set(selectionsPerSlot, at * selectionsPerSlot.length);
    for (let i = 0; i < selections; i++) this.#sends[this.#sent++] = first + layout.sendTokens[i];
    for (let token = 0; token < tokens; token++) {
      const to = ((first + token) * depth + row) * maskWords;
      for (let word = 0; word < maskWords; word++) {
        this.#inRank[to + word] = tokenInRank[token * maskWords + word];
      }
    }
  }

  /** @throws InputError when the folder cannot be written */
  async write(): Promise<void> {
    const { trace, depth } = this.#routing;
    const save = (name: string, values: Int32Array, ...outer: readonly number[]) => {
      const inner = values.length / outer.reduce((product, size) => product * size, 1);
      return writeOutput(join(this.#folder, `${name}.npy`), writeNpyInt32([...outer, inner], values));
    };
    await save("tokens-per-rank", this.#perRank, this.#batches, depth);
    await save("tokens-per-node", this.#perNode, this.#batches, depth);
    await save("selections-per-slot", this.#perSlot, this.#batches, depth);
    await save("token-in-rank", this.#inRank, trace.tokens, depth);
    await save("send-tokens", this.#sends.subarray(0, this.#sent));
  }
}
