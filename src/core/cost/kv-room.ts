import { layerKvBytes, layerStateBytes } from "../../model/attention.ts";
import { type EngineShape, PLAIN_SHAPE, partOfModel } from "../../model/engine-shape.ts";
import { type MoeModel, kvBytes } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import type { Hardware } from "./hardware.ts";
import { kvCapacityBytes } from "./memory.ts";

/**
 * The cache of one rank in tokens; of a group of GPUs, as far as the fullest of them has room. One is what a sequence's first token takes in all layers; later ones take less
 * where windows are full, and a sequence's state takes as many as weigh the same.
 */
export class KvRoom {
  readonly capacityTokens: number;
  readonly #model: MoeModel;
  readonly #unit: number;

  /** @param topology of expert units (EngineShape) */
  constructor(whole: MoeModel, topology: Topology, hardware: Hardware, shape: EngineShape = PLAIN_SHAPE) {
    const model = partOfModel(whole, shape);
    this.#model = model;
    this.#unit = unitBytes(model);
    this.capacityTokens = Math.floor(kvCapacityBytes(model, topology, hardware) / this.#unit);
  }

  /** What a sequence of so many tokens takes. */
  tokensOf(length: number): number {
    return kvBytes(this.#model, length) / this.#unit;
  }

  /** Tokens of the longest sequence that fits; 0 where none does. */
  get longestSequence(): number {
    let fits = 0;
    let beyond = this.capacityTokens + 1;
    // Windows and states alone never fill.
    while (this.tokensOf(beyond) <= this.capacityTokens && beyond < Number.MAX_SAFE_INTEGER / 2) beyond *= 2;
    while (beyond - fits > 1) {
      const middle = Math.floor((fits + beyond) / 2);
      if (this.tokensOf(middle) <= this.capacityTokens) fits = middle;
      else beyond = middle;
    }
    return fits;
  }
}

/** Of a model without any cache, its states. */
function unitBytes({ attention }: MoeModel): number {
  const sum = (bytes: typeof layerKvBytes) =>
    attention.reduce((total, kind) => total + kind.layers.length * bytes(kind), 0);
  return sum(layerKvBytes) || sum(layerStateBytes);
}
