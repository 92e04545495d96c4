import type { EvenLayer } from "./even-layer.ts";
import { Pressure, pressureAt } from "./pressure.ts";

/** Steps whose exact gain is worked out. */
const TRIED = 8;
/** GPUs that the fullest one is levelled with, unless none of them helps. */
const EMPTIEST_TRIED = 32;
/** What a step without a move counts as. */
const FREE_MOVES = 0.3;
/** Of the fullest GPU's pressure: less is not a gain. */
const LEAST_GAIN = 1e-6;

/** What is wanted of a step: the most gain, or the most for each move. */
export type Aim = "level" | "few moves";

/**
 * Finds the step that takes most pressure off a layer by way of its fullest GPU: a swap with another GPU; a further slot for
 * one of its experts, in place of one that can be spared; another expert in one of its own slots that can be spared. Gains
 * are estimated for all, and worked out for the best.
 */
export class StepFinder {
  /** The step found: slots, and the experts they get. */
  readonly slots = new Int32Array(2);
  readonly experts = new Int32Array(2);
  count = 0;

  readonly #layer: EvenLayer;
  readonly #pressure: Pressure;
  /** `[gpus]`, the emptiest first. */
  readonly #order: Int32Array;
  /** `[experts]`: see `#reliefOf`; not a number where it is not known yet. */
  readonly #relief: Float64Array;
  /** `[slots]`: 1 where the slot is empty, or its expert has another. */
  readonly #isSpare: Uint8Array;
  /** `[slots]`: how many tokens more its GPU has once a spare slot is emptied. */
  readonly #left: Float64Array;
  /** `[slots]`: what emptying a spare slot takes off, its own GPU as if nothing were left of it. */
  readonly #emptied: Float64Array;
  /** `[TRIED]`: the best so far by their worth, falling; two slots and experts of each, −1 for no second. */
  readonly #worth = new Float64Array(TRIED);
  readonly #steps = new Int32Array(TRIED * 4);
  #tried = 0;
  #aim: Aim = "level";
  /** Smaller ones are not among the best. */
  #leastGain = 0;

  constructor(layer: EvenLayer) {
    const slots = layer.row.length;
    this.#layer = layer;
    this.#pressure = new Pressure(layer);
    this.#order = Int32Array.from(layer.levels.keys());
    this.#relief = new Float64Array(layer.experts);
    this.#isSpare = new Uint8Array(slots);
    this.#left = new Float64Array(slots);
    this.#emptied = new Float64Array(slots);
  }

  /** @returns whether there is a step that gains; it is in `slots`, `experts` and `count` */
  find(aim: Aim): boolean {
    this.#aim = aim;
    this.#pressure.refresh();
    this.#relief.fill(Number.NaN);
    this.#weighSpares();
    this.#forget();
    const { max } = this.#layer;
    const emptiest = this.#levelOf(EMPTIEST_TRIED);
    this.#toOthers(emptiest);
    this.#inItsOwnSlots();
    if (this.#takeBest()) return true;
    if (emptiest >= max) return false;
    this.#forget();
    this.#toOthers(max);
    return this.#takeBest();
  }

  #forget(): void {
    this.#tried = 0;
    this.#leastGain = LEAST_GAIN * this.#pressure.ofGpu[this.#layer.fullest];
  }

  #weighSpares(): void {
    const layer = this.#layer;
    const { row, counts, parts, first, next, experts } = layer;
    const { ofGpu, level, factor } = this.#pressure;
    for (let slot = 0; slot < row.length; slot++) {
      this.#isSpare[slot] = row[slot] < 0 ? 1 : 0;
      this.#left[slot] = 0;
      this.#emptied[slot] = ofGpu[layer.gpuOf(slot)];
    }
    for (let expert = 0; expert < experts; expert++) {
      if (counts[expert] < 2) continue;
      const part = (parts[expert] * counts[expert]) / (counts[expert] - 1);
      const more = part - parts[expert];
      let gain = 0;
      for (let slot = first[expert]; slot >= 0; slot = next[slot]) {
        const gpu = layer.gpuOf(slot);
        const held = layer.held(gpu, expert);
        const after = pressureAt(level[gpu] + held * more * factor[gpu]);
        gain += (ofGpu[gpu] - after) / held;
        this.#isSpare[slot] = 1;
        this.#left[slot] = held * more - part;
        this.#emptied[slot] = after;
      }
      for (let slot = first[expert]; slot >= 0; slot = next[slot]) this.#emptied[slot] += gain;
    }
  }

  /** The level that so many GPUs are at or below. */
  #levelOf(gpus: number): number {
    const { levels } = this.#layer;
    const order = this.#order;
    // Nearly in order since the last step.
    for (let i = 1; i < order.length; i++) {
      const gpu = order[i];
      let at = i;
      for (; at > 0 && levels[order[at - 1]] > levels[gpu]; at--) order[at] = order[at - 1];
      order[at] = gpu;
    }
    return levels[order[Math.min(gpus, order.length) - 1]];
  }

  /** @param highest level of the other GPU */
  #toOthers(highest: number): void {
    const layer = this.#layer;
    const { row, parts, levels, gpus, capacity } = layer;
    const { slotsPerGpu } = layer.topology;
    const gpu = layer.fullest;
    for (let slot = gpu * slotsPerGpu; slot < gpu * slotsPerGpu + capacity.slots[gpu]; slot++) {
      const expert = row[slot];
      if (expert < 0 || parts[expert] === 0 || this.#isRepeated(slot)) continue;
      const relief = this.#reliefOf(expert);
      for (let other = 0; other < gpus; other++) {
        if (levels[other] > highest || levels[other] >= levels[gpu]) continue;
        if (layer.mayHold(other, expert)) this.#toOther(slot, other, relief);
      }
    }
  }

  /** @param relief of the slot's expert by a further slot */
  #toOther(slot: number, other: number, relief: number): void {
    const layer = this.#layer;
    const { row, parts, levels, capacity, fullest: gpu } = layer;
    const { ofGpu, level, factor } = this.#pressure;
    const expert = row[slot];
    const part = parts[expert];
    const further = layer.furtherParts[expert];
    const room = (levels[gpu] - levels[other]) * capacity.speeds[other];
    const holds = layer.held(other, expert) > 0;
    const first = other * layer.topology.slotsPerGpu;
    for (let to = first; to < first + capacity.slots[other]; to++) {
      const there = row[to];
      if (there === expert) continue;
      const less = part - (there < 0 ? 0 : parts[there]);
      if (there >= 0 && less > 0 && less < room) {
        const most = ofGpu[gpu] - pressureAt(level[gpu] - less * factor[gpu]);
        if (most > this.#leastGain) {
          const gain = most + ofGpu[other] - pressureAt(level[other] + less * factor[other]);
          if (gain > this.#leastGain && layer.mayHold(gpu, there)) this.#offer(gain, slot, there, to, expert);
        }
      }
      if (this.#isSpare[to] === 0 || further - part + less >= room) continue;
      const gain = holds
        ? this.#pressure.given(to, expert)
        : this.#emptied[to] + relief - pressureAt(level[other] + (this.#left[to] + further) * factor[other]);
      if (gain > this.#leastGain) this.#offer(gain, to, expert, -1, -1);
    }
  }

  #inItsOwnSlots(): void {
    const layer = this.#layer;
    const { row, counts, furtherParts, experts, capacity } = layer;
    const { level, factor } = this.#pressure;
    const { slotsPerGpu } = layer.topology;
    const gpu = layer.fullest;
    for (let slot = gpu * slotsPerGpu; slot < gpu * slotsPerGpu + capacity.slots[gpu]; slot++) {
      const expert = row[slot];
      if (expert < 0 || counts[expert] < 2 || this.#isRepeated(slot)) continue;
      for (let other = 0; other < experts; other++) {
        const change = this.#left[slot] + furtherParts[other];
        if (other === expert || change >= 0 || !layer.mayHold(gpu, other)) continue;
        const gain =
          layer.held(gpu, other) > 0
            ? this.#pressure.given(slot, other)
            : this.#emptied[slot] + this.#reliefOf(other) - pressureAt(level[gpu] + change * factor[gpu]);
        if (gain > this.#leastGain) this.#offer(gain, slot, other, -1, -1);
      }
    }
  }

  /** What a further slot of an expert takes off the GPUs that hold it. */
  #reliefOf(expert: number): number {
    if (Number.isNaN(this.#relief[expert])) this.#relief[expert] = this.#pressure.relief(expert);
    return this.#relief[expert];
  }

  /** Whether an earlier slot of the GPU holds the same. */
  #isRepeated(slot: number): boolean {
    const { row, topology } = this.#layer;
    for (let i = slot - (slot % topology.slotsPerGpu); i < slot; i++) if (row[i] === row[slot]) return true;
    return false;
  }

  /** Keeps a step if it is one of the best. */
  #offer(gain: number, slot: number, expert: number, slot2: number, expert2: number): void {
    const worth = this.#worthOf(
      gain,
      this.#movesOf(slot, expert) + (slot2 < 0 ? 0 : this.#movesOf(slot2, expert2)),
    );
    if (this.#tried === TRIED && worth <= this.#worth[TRIED - 1]) return;
    let at = Math.min(this.#tried, TRIED - 1);
    for (; at > 0 && this.#worth[at - 1] < worth; at--) {
      this.#worth[at] = this.#worth[at - 1];
      this.#steps.copyWithin(at * 4, (at - 1) * 4, at * 4);
    }
    this.#worth[at] = worth;
    this.#steps[at * 4] = slot;
    this.#steps[at * 4 + 1] = expert;
    this.#steps[at * 4 + 2] = slot2;
    this.#steps[at * 4 + 3] = expert2;
    if (this.#tried < TRIED) this.#tried++;
    if (this.#tried < TRIED) return;
    const last = this.#worth[TRIED - 1];
    this.#leastGain = Math.max(this.#leastGain, this.#aim === "level" ? last : last * FREE_MOVES);
  }

  #worthOf(gain: number, moves: number): number {
    return this.#aim === "level" ? gain : gain / Math.max(moves, FREE_MOVES);
  }

  #movesOf(slot: number, expert: number): number {
    return this.#layer.movesOf(this.#layer.gpuOf(slot), this.#layer.row[slot], expert);
  }

  #takeBest(): boolean {
    const least = LEAST_GAIN * this.#pressure.ofGpu[this.#layer.fullest];
    let most = 0;
    let best = -1;
    for (let i = 0; i < this.#tried; i++) {
      this.#load(i);
      const gain =
        this.count === 1
          ? this.#pressure.given(this.slots[0], this.experts[0])
          : this.#pressure.swapped(this.slots[0], this.slots[1]);
      if (gain <= least) continue;
      let moves = 0;
      for (let k = 0; k < this.count; k++) moves += this.#movesOf(this.slots[k], this.experts[k]);
      const worth = this.#worthOf(gain, moves);
      if (worth <= most) continue;
      most = worth;
      best = i;
    }
    if (best >= 0) this.#load(best);
    return best >= 0;
  }

  #load(i: number): void {
    for (let k = 0; k < 2; k++) {
      this.slots[k] = this.#steps[i * 4 + k * 2];
      this.experts[k] = this.#steps[i * 4 + k * 2 + 1];
    }
    this.count = this.slots[1] < 0 ? 1 : 2;
  }
}
