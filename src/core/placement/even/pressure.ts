import type { EvenLayer } from "./even-layer.ts";

/** The pressure of a GPU at this part of the mean level: its 16th power. */
export function pressureAt(level: number): number {
  const second = level * level;
  const fourth = second * second;
  const eighth = fourth * fourth;
  return eighth * eighth;
}

/**
 * How unlevel a layer is, smoothly: Σ over GPUs of (level / mean)^16. The power follows the maximum, and yet sees every GPU
 * near it, so that a change which lowers one maximum and makes another counts for little.
 */
export class Pressure {
  /** `[gpus]`: what each adds. */
  readonly ofGpu: Float64Array;
  /** `[gpus]`: level / mean, and what a token more adds to it. */
  readonly level: Float64Array;
  readonly factor: Float64Array;
  readonly #layer: EvenLayer;
  /** `[gpus]`: what a change adds to its load, as far as `#touched` names it. */
  readonly #added: Float64Array;
  readonly #touched: Int32Array;
  readonly #isTouched: Uint8Array;
  #count = 0;

  constructor(layer: EvenLayer) {
    this.#layer = layer;
    this.ofGpu = new Float64Array(layer.gpus);
    this.level = new Float64Array(layer.gpus);
    this.factor = new Float64Array(layer.gpus);
    this.#added = new Float64Array(layer.gpus);
    this.#touched = new Int32Array(layer.gpus);
    this.#isTouched = new Uint8Array(layer.gpus);
  }

  /** To be called after each change of the layer, before anything is asked. */
  refresh(): void {
    const { levels, capacity, mean } = this.#layer;
    for (let gpu = 0; gpu < this.ofGpu.length; gpu++) {
      this.level[gpu] = levels[gpu] / mean;
      this.factor[gpu] = 1 / (capacity.speeds[gpu] * mean);
      this.ofGpu[gpu] = pressureAt(this.level[gpu]);
    }
  }

  /** What goes from the GPUs that hold an expert when it gets one more slot. */
  relief(expert: number): number {
    const { parts, furtherParts } = this.#layer;
    this.#spread(expert, furtherParts[expert] - parts[expert]);
    return this.#gain();
  }

  /** What goes when a slot that can be spared (empty, or one of several) is given to another expert. */
  given(slot: number, expert: number): number {
    const { row, parts, furtherParts, counts } = this.#layer;
    const gpu = this.#layer.gpuOf(slot);
    const from = row[slot];
    if (from >= 0) {
      const part = (parts[from] * counts[from]) / (counts[from] - 1);
      this.#spread(from, part - parts[from]);
      this.#add(gpu, -part);
    }
    this.#spread(expert, furtherParts[expert] - parts[expert]);
    this.#add(gpu, furtherParts[expert]);
    return this.#gain();
  }

  /** What goes when two slots swap their experts. */
  swapped(slot: number, other: number): number {
    const { row, parts } = this.#layer;
    const less = parts[row[slot]] - parts[row[other]];
    this.#add(this.#layer.gpuOf(slot), -less);
    this.#add(this.#layer.gpuOf(other), less);
    return this.#gain();
  }

  #spread(expert: number, tokens: number): void {
    const { first, next } = this.#layer;
    for (let slot = first[expert]; slot >= 0; slot = next[slot]) this.#add(this.#layer.gpuOf(slot), tokens);
  }

  #add(gpu: number, tokens: number): void {
    if (this.#isTouched[gpu] === 0) {
      this.#isTouched[gpu] = 1;
      this.#added[gpu] = 0;
      this.#touched[this.#count++] = gpu;
    }
    this.#added[gpu] += tokens;
  }

  #gain(): number {
    let gain = 0;
    for (let i = 0; i < this.#count; i++) {
      const gpu = this.#touched[i];
      gain += this.ofGpu[gpu] - pressureAt(this.level[gpu] + this.#added[gpu] * this.factor[gpu]);
      this.#isTouched[gpu] = 0;
    }
    this.#count = 0;
    return gain;
  }
}
