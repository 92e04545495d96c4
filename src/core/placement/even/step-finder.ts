import type { EvenLayer } from "./even-layer.ts";
import { Pressure } from "./pressure.ts";

/** Steps whose exact gain is worked out, and spare slots that relocations are tried with. */
const TRIED = 8;
const SPARE_TRIED = 12;
/** GPUs that the fullest one is levelled with, unless none of them helps. */
const EMPTIEST_TRIED = 24;
/** What a step without a move counts as. */
const FREE_MOVES = 0.3;
/** Of the fullest GPU's pressure: less is not a gain. */
const LEAST_GAIN = 1e-6;

/** What is wanted of a step: the most gain, or the most for each move. */
export type Aim = "level" | "few moves";

/**
 * Finds the change of one or two slots that takes most pressure off a layer, by way of its fullest GPU: a swap with another
 * GPU; a further slot for one of its experts, in place of one that can be spared; one of its own slots that can be spared
 * for another expert. Only where none of these helps: a further slot for one of its experts in place of an expert that
 * moves to a slot that can be spared. Gains are estimated first, and exact for the best.
 */
export class StepFinder {
  /** The step found: the slots and the experts they get. */
  readonly slots = new Int32Array(2);
  readonly experts = new Int32Array(2);
  count = 0;

  readonly #layer: EvenLayer;
  readonly #pressure: Pressure;
  /** `[experts]`: what a further slot of each would take off those that hold it. */
  readonly #relief: Float64Array;
  /** `[slots]`: what emptying each would take off; not a number where it cannot be spared. */
  readonly #spared: Float64Array;
  /** `[slots]`: the same, and its GPU's pressure then. */
  readonly #emptied: Float64Array;
  /** `[slots]`: how many tokens more its GPU has then. */
  readonly #left: Float64Array;
  /** `[TRIED]`: the best so far, by their estimated worth, falling; two slots and experts of each, −1 for no second. */
  readonly #worth = new Float64Array(TRIED);
  readonly #changes = new Int32Array(TRIED * 4);
  #tried = 0;
  /** `[gpus]`, the emptiest first. */
  readonly #order: Int32Array;
  #aim: Aim = "level";
  /** Smaller ones are not among the best. */
  #leastGain = 0;

  constructor(layer: EvenLayer) {
    this.#layer = layer;
    this.#pressure = new Pressure(layer);
    this.#relief = new Float64Array(layer.experts);
    this.#spared = new Float64Array(layer.row.length);
    this.#order = Int32Array.from(layer.levels.keys());
    this.#emptied = new Float64Array(layer.row.length);
    this.#left = new Float64Array(layer.row.length);
  }

  /** @returns whether there is a step that gains; it is in `slots`, `experts` and `count` */
  find(aim: Aim): boolean {
    this.#aim = aim;
    this.#tried = 0;
    this.#estimate();
    const emptiest = this.#levelOf(EMPTIEST_TRIED);
    this.#swapsAndFurtherSlots(emptiest);
    this.#slotsOfItsOwn();
    if (this.#takeBest()) return true;
    if (emptiest < this.#layer.max) {
      this.#swapsAndFurtherSlots(this.#layer.max);
      if (this.#takeBest()) return true;
    }
    this.#relocations(emptiest);
    return this.#takeBest();
  }

  #estimate(): void {
    const { experts, row, counts, parts } = this.#layer;
    this.#pressure.refresh();
    this.#leastGain = LEAST_GAIN * this.#pressure.ofGpu[this.#layer.fullest];
    for (let expert = 0; expert < experts; expert++) this.#relief[expert] = this.#pressure.relief(expert);
    for (let slot = 0; slot < row.length; slot++) {
      const expert = row[slot];
      this.#spared[slot] = 0;
      this.#left[slot] = 0;
      this.#emptied[slot] = this.#pressure.ofGpu[this.#layer.gpuOf(slot)];
      if (expert < 0) continue;
      this.#spared[slot] = Number.NaN;
      if (counts[expert] < 2) continue;
      this.#spared[slot] = this.#pressure.spared(slot);
      const part = (parts[expert] * counts[expert]) / (counts[expert] - 1);
      const here = this.#layer.held(this.#layer.gpuOf(slot), expert);
      this.#left[slot] = here * (part - parts[expert]) - part;
      this.#emptied[slot] = this.#spared[slot] + this.#pressure.of(this.#layer.gpuOf(slot), this.#left[slot]);
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
  #swapsAndFurtherSlots(highest: number): void {
    const layer = this.#layer;
    const { row, parts, furtherParts, levels, gpus, capacity } = layer;
    const { slotsPerGpu } = layer.topology;
    const { slots, speeds } = capacity;
    const pressure = this.#pressure;
    const gpu = layer.fullest;
    for (let slot = gpu * slotsPerGpu; slot < gpu * slotsPerGpu + slots[gpu]; slot++) {
      const expert = row[slot];
      if (expert < 0 || parts[expert] === 0 || this.#isRepeated(slot)) continue;
      const part = parts[expert];
      for (let other = 0; other < gpus; other++) {
        const room = (levels[gpu] - levels[other]) * speeds[other];
        if (levels[other] > highest || room <= 0 || !layer.mayHold(other, expert)) continue;
        for (let to = other * slotsPerGpu; to < other * slotsPerGpu + slots[other]; to++) {
          const there = row[to];
          if (there === expert) continue;
          const less = part - (there < 0 ? 0 : parts[there]);
          if (there >= 0 && less > 0 && less < room && layer.mayHold(gpu, there)) {
            const most = pressure.ofGpu[gpu] - pressure.of(gpu, -less);
            if (most > this.#leastGain) {
              const gain = most + pressure.ofGpu[other] - pressure.of(other, less);
              if (gain > this.#leastGain) {
                const moves = layer.movesOf(gpu, expert, there) + layer.movesOf(other, there, expert);
                this.#offer(gain, moves, slot, there, to, expert);
              }
            }
          }
          if (this.#spared[to] >= Number.NEGATIVE_INFINITY && furtherParts[expert] - part + less < room) {
            this.#offerGift(to, expert);
          }
        }
      }
    }
  }

  #slotsOfItsOwn(): void {
    const layer = this.#layer;
    const { row, counts, parts, furtherParts, experts, capacity } = layer;
    const { slotsPerGpu } = layer.topology;
    const gpu = layer.fullest;
    for (let slot = gpu * slotsPerGpu; slot < gpu * slotsPerGpu + capacity.slots[gpu]; slot++) {
      const expert = row[slot];
      if (expert < 0 || counts[expert] < 2 || this.#isRepeated(slot)) continue;
      for (let other = 0; other < experts; other++) {
        if (other === expert || furtherParts[other] >= -this.#left[slot] || !layer.mayHold(gpu, other)) continue;
        this.#offerGift(slot, other);
      }
    }
  }

  /** @param highest level of the GPU that gets the further slot */
  #relocations(highest: number): void {
    const layer = this.#layer;
    const { row, parts, furtherParts, levels, gpus, capacity } = layer;
    const { slotsPerGpu } = layer.topology;
    const { slots, speeds } = capacity;
    const pressure = this.#pressure;
    const gpu = layer.fullest;
    const spare = this.#bestSpared();
    for (let slot = gpu * slotsPerGpu; slot < gpu * slotsPerGpu + slots[gpu]; slot++) {
      const expert = row[slot];
      if (expert < 0 || parts[expert] === 0 || this.#isRepeated(slot)) continue;
      const further = furtherParts[expert];
      for (const free of spare) {
        const given = row[free];
        const home = layer.gpuOf(free);
        if (given === expert) continue;
        const left = this.#left[free];
        const roomAtHome = (levels[gpu] - levels[home]) * speeds[home] - left;
        const without = this.#emptied[free] + this.#relief[expert];
        for (let other = 0; other < gpus; other++) {
          const room = (levels[gpu] - levels[other]) * speeds[other];
          if (levels[other] > highest || room <= 0 || other === home || !layer.mayHold(other, expert)) continue;
          for (let to = other * slotsPerGpu; to < other * slotsPerGpu + slots[other]; to++) {
            const moving = row[to];
            if (moving < 0 || moving === expert || moving === given) continue;
            if (parts[moving] >= roomAtHome || further - parts[moving] >= room) continue;
            if (!layer.mayHold(home, moving)) continue;
            const gain =
              without -
              pressure.of(home, left + parts[moving]) +
              pressure.ofGpu[other] -
              pressure.of(other, further - parts[moving]);
            const moves = layer.movesOf(home, given, moving) + layer.movesOf(other, moving, expert);
            this.#offer(gain, moves, free, moving, to, expert);
          }
        }
      }
    }
  }

  /** Whether an earlier slot of the GPU holds the same. */
  #isRepeated(slot: number): boolean {
    const { row, topology } = this.#layer;
    for (let i = slot - (slot % topology.slotsPerGpu); i < slot; i++) if (row[i] === row[slot]) return true;
    return false;
  }

  /** The slots that can best be spared. */
  #bestSpared(): number[] {
    const { capacity, topology } = this.#layer;
    const best: number[] = [];
    for (let gpu = 0; gpu < capacity.slots.length; gpu++) {
      const first = gpu * topology.slotsPerGpu;
      for (let slot = first; slot < first + capacity.slots[gpu]; slot++) {
        const spared = this.#spared[slot];
        if (Number.isNaN(spared)) continue;
        let at = best.length;
        while (at > 0 && this.#spared[best[at - 1]] < spared) at--;
        if (at < SPARE_TRIED) best.splice(at, 0, slot);
        if (best.length > SPARE_TRIED) best.pop();
      }
    }
    return best;
  }

  /** A slot that can be spared, for another expert. */
  #offerGift(slot: number, expert: number): void {
    const from = this.#layer.row[slot];
    const gpu = this.#layer.gpuOf(slot);
    let gain = 0;
    if (this.#layer.held(gpu, expert) > 0) {
      this.slots[0] = slot;
      this.experts[0] = expert;
      gain = this.#pressure.lowered(this.slots, this.experts, 1);
    } else {
      gain =
        this.#emptied[slot] +
        this.#relief[expert] -
        this.#pressure.of(gpu, this.#left[slot] + this.#layer.furtherParts[expert]);
    }
    if (gain <= this.#leastGain) return;
    this.#offer(gain, this.#layer.movesOf(gpu, from, expert), slot, expert, -1, -1);
  }

  /** @param gain about what the change takes off */
  #offer(gain: number, moves: number, slot: number, expert: number, slot2: number, expert2: number): void {
    if (gain <= this.#leastGain) return;
    const worth = this.#worthOf(gain, moves);
    if (this.#tried === TRIED && worth <= this.#worth[TRIED - 1]) return;
    let at = Math.min(this.#tried, TRIED - 1);
    while (at > 0 && this.#worth[at - 1] < worth) {
      this.#worth[at] = this.#worth[at - 1];
      this.#changes.copyWithin(at * 4, (at - 1) * 4, at * 4);
      at--;
    }
    this.#worth[at] = worth;
    this.#changes[at * 4] = slot;
    this.#changes[at * 4 + 1] = expert;
    this.#changes[at * 4 + 2] = slot2;
    this.#changes[at * 4 + 3] = expert2;
    if (this.#tried < TRIED) this.#tried++;
    if (this.#tried < TRIED) return;
    const last = this.#worth[TRIED - 1];
    this.#leastGain = Math.max(this.#leastGain, this.#aim === "level" ? last : last * FREE_MOVES);
  }

  #worthOf(gain: number, moves: number): number {
    return this.#aim === "level" ? gain : gain / Math.max(moves, FREE_MOVES);
  }

  #takeBest(): boolean {
    const layer = this.#layer;
    const { row } = layer;
    const least = LEAST_GAIN * this.#pressure.ofGpu[layer.fullest];
    this.#leastGain = least;
    let most = 0;
    let best = -1;
    for (let i = 0; i < this.#tried; i++) {
      const count = this.#load(i);
      const gain = this.#pressure.lowered(this.slots, this.experts, count);
      if (gain <= least) continue;
      let moves = 0;
      for (let k = 0; k < count; k++) {
        moves += layer.movesOf(layer.gpuOf(this.slots[k]), row[this.slots[k]], this.experts[k]);
      }
      const worth = this.#worthOf(gain, moves);
      if (worth <= most) continue;
      most = worth;
      best = i;
    }
    this.#tried = 0;
    if (best >= 0) this.count = this.#load(best);
    return best >= 0;
  }

  /** @returns the slots of the change */
  #load(i: number): number {
    for (let k = 0; k < 2; k++) {
      this.slots[k] = this.#changes[i * 4 + k * 2];
      this.experts[k] = this.#changes[i * 4 + k * 2 + 1];
    }
    return this.slots[1] < 0 ? 1 : 2;
  }
}
