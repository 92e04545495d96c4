import { keptTokens, layerKvBytes, layerStateBytes } from "../../model/attention.ts";
import { type EngineShape, PLAIN_SHAPE, partOfModel } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import type { Hardware } from "./hardware.ts";
import { kvCapacityBytes } from "./memory.ts";

/**
 * The cache of one rank in tokens; of a group of GPUs, as far as the fullest of them has room. One is what a sequence's first token takes in all layers; later ones take less
 * where windows are full, and a sequence's state takes as many as weigh the same.
 */
export class KvRoom {
  readonly capacityTokens: number;
  /** Of whole tokens. */
  readonly capacityBytes: number;
  /** Bytes of a token in the layers that keep all. */
  readonly growingBytes: number;
  readonly #unit: number;
  readonly #stateBytes: number;
  /** Of the layers that keep the latest tokens only. */
  readonly #windows: readonly { readonly tokens: number; readonly bytes: number }[];

  /** @param topology of expert units (EngineShape) */
  constructor(whole: MoeModel, topology: Topology, hardware: Hardware, shape: EngineShape = PLAIN_SHAPE) {
    const model = partOfModel(whole, shape);
    this.#unit = unitBytes(model);
    this.capacityTokens = Math.floor(kvCapacityBytes(model, topology, hardware) / this.#unit);
    this.capacityBytes = this.capacityTokens * this.#unit;
    let [growing, state] = [0, 0];
    const windows: { tokens: number; bytes: number }[] = [];
    for (const kind of model.attention) {
      const tokens = keptTokens(kind);
      const bytes = kind.layers.length * layerKvBytes(kind);
      if (tokens === Number.POSITIVE_INFINITY) growing += bytes;
      else windows.push({ tokens, bytes });
      state += kind.layers.length * layerStateBytes(kind);
    }
    this.growingBytes = growing;
    this.#stateBytes = state;
    this.#windows = windows;
  }

  /** Bytes that a sequence of so many tokens takes in all layers, its states included; none without tokens. */
  bytesOf(length: number): number {
    if (length === 0) return 0;
    let bytes = this.#stateBytes + length * this.growingBytes;
    for (const window of this.#windows) bytes += Math.min(length, window.tokens) * window.bytes;
    return bytes;
  }

  /** What a sequence of so many tokens takes. */
  tokensOf(length: number): number {
    return this.bytesOf(length) / this.#unit;
  }

  /** So many bytes of cache in tokens. */
  inTokens(bytes: number): number {
    return bytes / this.#unit;
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
