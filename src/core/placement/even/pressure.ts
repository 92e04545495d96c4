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
  readonly #layer: EvenLayer;
  /** `[gpus]`: what a change adds to its load, as far as `#touched` names it. */
  readonly #added: Float64Array;
  readonly #touched: Int32Array;
  readonly #isTouched: Uint8Array;
  /** `[gpus]`: level / mean, and what a token more adds to it. */
  readonly level: Float64Array;
  readonly factor: Float64Array;
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

  /** To be called after each change of the layer. */
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

  /**
   * What goes by a change, exactly.
   * @param slots   at most three
   * @param experts what each is to hold instead
   */
  lowered(slots: Int32Array, experts: Int32Array, count: number): number {
    const { row } = this.#layer;
    for (let i = 0; i < count; i++) {
      const gpu = this.#layer.gpuOf(slots[i]);
      const from = row[slots[i]];
      if (from >= 0) {
        this.#add(gpu, -this.#partAfter(from, slots, experts, count));
        if (firstOf(row, slots, i, from)) this.#respread(from, slots, experts, count);
      }
      this.#add(gpu, this.#partAfter(experts[i], slots, experts, count));
      if (!isAmong(row, slots, count, experts[i]) && experts.indexOf(experts[i]) === i) {
        this.#respread(experts[i], slots, experts, count);
      }
    }
    return this.#gain();
  }

  #respread(expert: number, slots: Int32Array, experts: Int32Array, count: number): void {
    const by = this.#partAfter(expert, slots, experts, count) - this.#layer.parts[expert];
    if (by !== 0) this.#spread(expert, by);
  }

  #partAfter(expert: number, slots: Int32Array, experts: Int32Array, count: number): number {
    const { row, counts, parts } = this.#layer;
    let after = counts[expert];
    for (let i = 0; i < count; i++) {
      if (row[slots[i]] === expert) after--;
      if (experts[i] === expert) after++;
    }
    return after === counts[expert] ? parts[expert] : (parts[expert] * counts[expert]) / after;
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

function isAmong(row: Int32Array, slots: Int32Array, count: number, expert: number): boolean {
  for (let i = 0; i < count; i++) if (row[slots[i]] === expert) return true;
  return false;
}

function firstOf(row: Int32Array, slots: Int32Array, at: number, expert: number): boolean {
  return !isAmong(row, slots, at, expert);
}
