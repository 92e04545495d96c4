import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { type Topology, gpuCount, nodeOfGpu, slotCount } from "../../../model/topology.ts";

/** What one layer's slots are to hold, and what they held before. */
export interface LayerStart {
  /** `[experts]`, some above 0 */
  readonly tokens: Float64Array;
  /** `[slots]`: the expert of each, −1 for none; every expert at least once. Copied. */
  readonly row: Int32Array;
  /** `[slots]`: what moves are counted from */
  readonly before: Int32Array;
  /** `[experts]`: the node each has as its home; null where any node will do */
  readonly homes: Int32Array | null;
}

/**
 * One layer whose experts' tokens are split evenly over their slots, two slots of one expert on a GPU counted twice. Knows
 * the level (load / speed) of every GPU, and the moves so far. Keeps its buffers from layer to layer.
 */
export class EvenLayer {
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  readonly experts: number;
  readonly gpus: number;
  /** `[slots]`: the expert of each, −1 for none. */
  readonly row: Int32Array;
  /** `[experts]`: slots that hold each. */
  readonly counts: Int32Array;
  /** `[experts]`: what each of its slots carries, and would carry if there were one more. */
  readonly parts: Float64Array;
  readonly furtherParts: Float64Array;
  /** `[gpus]`: load / speed. */
  readonly levels: Float64Array;
  /** `[experts]` and `[slots]`: the first slot of each expert, and the next slot of the same one; −1 for none. */
  readonly first: Int32Array;
  readonly next: Int32Array;
  /** Load / speed of the pool as a whole. */
  mean = 0;
  max = 0;
  /** The GPU whose level that is. */
  fullest = 0;
  /** Slots that hold an expert of which their GPU has more slots now than before. */
  moves = 0;

  /** `[gpus][experts]`: slots of the GPU with the expert, now and before. */
  readonly #held: Uint16Array;
  readonly #before: Uint16Array;
  /** Experts that slots held before a change. */
  readonly #left = new Int32Array(2);
  /** `[slots]` */
  readonly #gpuOf: Int32Array;
  #tokens: Float64Array = new Float64Array(0);
  #homes: Int32Array | null = null;

  constructor(topology: Topology, capacity: PoolCapacity, experts: number) {
    const gpus = gpuCount(topology);
    const width = slotCount(topology);
    this.topology = topology;
    this.capacity = capacity;
    this.experts = experts;
    this.gpus = gpus;
    this.row = new Int32Array(width);
    this.counts = new Int32Array(experts);
    this.parts = new Float64Array(experts);
    this.furtherParts = new Float64Array(experts);
    this.levels = new Float64Array(gpus);
    this.first = new Int32Array(experts);
    this.next = new Int32Array(width);
    this.#held = new Uint16Array(gpus * experts);
    this.#before = new Uint16Array(gpus * experts);
    this.#gpuOf = Int32Array.from({ length: width }, (_, slot) => Math.floor(slot / topology.slotsPerGpu));
  }

  begin({ tokens, row, before, homes }: LayerStart): void {
    this.#tokens = tokens;
    this.#homes = homes;
    this.counts.fill(0);
    this.first.fill(-1);
    this.next.fill(-1);
    this.row.fill(-1);
    this.#held.fill(0);
    this.#before.fill(0);
    this.moves = 0;
    for (let slot = 0; slot < row.length; slot++) {
      if (before[slot] >= 0) this.#before[this.#gpuOf[slot] * this.experts + before[slot]]++;
    }
    for (let slot = 0; slot < row.length; slot++) this.#seat(slot, row[slot]);
    const { slots, speeds } = this.capacity;
    let speed = 0;
    for (let gpu = 0; gpu < this.gpus; gpu++) if (slots[gpu] > 0) speed += speeds[gpu];
    let sum = 0;
    for (let expert = 0; expert < this.experts; expert++) sum += tokens[expert];
    this.mean = sum / speed;
    for (let expert = 0; expert < this.experts; expert++) this.#divide(expert);
    this.#weigh();
  }

  /**
   * Gives slots to other experts.
   * @param slots   at most two, different ones
   * @param experts of each; no expert loses its last slot by all of it
   * @param count   of the slots
   */
  change(slots: Int32Array, experts: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#left[i] = this.row[slots[i]];
      this.#unseat(slots[i]);
    }
    for (let i = 0; i < count; i++) this.#seat(slots[i], experts[i]);
    for (let i = 0; i < count; i++) {
      if (this.#left[i] >= 0) this.#divide(this.#left[i]);
      this.#divide(experts[i]);
    }
    this.#weigh();
  }

  /** How many more moves it makes if a GPU gives one slot of `from` (−1 for an empty one) to `to`. */
  movesOf(gpu: number, from: number, to: number): number {
    const own = gpu * this.experts;
    const back = from >= 0 && this.#held[own + from] > this.#before[own + from] ? 1 : 0;
    return (this.#held[own + to] >= this.#before[own + to] ? 1 : 0) - back;
  }

  /** Whether an expert may come to a GPU: its home is there, or its node has it already. */
  mayHold(gpu: number, expert: number): boolean {
    if (this.#homes === null) return true;
    const node = nodeOfGpu(this.topology, gpu);
    if (this.#homes[expert] === node) return true;
    for (let slot = this.first[expert]; slot >= 0; slot = this.next[slot]) {
      if (nodeOfGpu(this.topology, this.#gpuOf[slot]) === node) return true;
    }
    return false;
  }

  /** Slots of a GPU that hold an expert. */
  held(gpu: number, expert: number): number {
    return this.#held[gpu * this.experts + expert];
  }

  gpuOf(slot: number): number {
    return this.#gpuOf[slot];
  }

  #seat(slot: number, expert: number): void {
    this.row[slot] = expert;
    if (expert < 0) return;
    const at = this.#gpuOf[slot] * this.experts + expert;
    if (this.#held[at]++ >= this.#before[at]) this.moves++;
    this.counts[expert]++;
    this.next[slot] = this.first[expert];
    this.first[expert] = slot;
  }

  #unseat(slot: number): void {
    const expert = this.row[slot];
    if (expert < 0) return;
    const at = this.#gpuOf[slot] * this.experts + expert;
    if (--this.#held[at] >= this.#before[at]) this.moves--;
    this.counts[expert]--;
    if (this.first[expert] === slot) {
      this.first[expert] = this.next[slot];
      return;
    }
    let other = this.first[expert];
    while (this.next[other] !== slot) other = this.next[other];
    this.next[other] = this.next[slot];
  }

  #divide(expert: number): void {
    this.parts[expert] = this.#tokens[expert] / this.counts[expert];
    this.furtherParts[expert] = this.#tokens[expert] / (this.counts[expert] + 1);
  }

  /** All levels anew, so that no rounding adds up. */
  #weigh(): void {
    const { parts, levels, row } = this;
    const { speeds } = this.capacity;
    levels.fill(0);
    for (let slot = 0; slot < row.length; slot++) {
      if (row[slot] >= 0) levels[this.#gpuOf[slot]] += parts[row[slot]];
    }
    this.fullest = 0;
    for (let gpu = 0; gpu < this.gpus; gpu++) {
      levels[gpu] /= speeds[gpu];
      if (levels[gpu] > levels[this.fullest]) this.fullest = gpu;
    }
    this.max = levels[this.fullest];
  }
}
