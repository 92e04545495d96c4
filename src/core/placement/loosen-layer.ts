import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { LevelFlow } from "../shares/level-flow.ts";
import { LEAST_COST, moveCost } from "./slot-changes.ts";

/** A replica is worth a move where it takes this off Σ (captive load / level)⁴: the GPUs that bind first count most. */
const LEAST_VALUE = 0.13;
/** So many in a row that the load does not allow are the last that are tried. */
const FAILURES = 16;

/** A replica of an expert that had one, in place of one that can be spared. */
interface Loosening {
  readonly slot: number;
  readonly expert: number;
  /** How much it takes off the sum for each move. */
  readonly value: number;
}

interface SpareSlot {
  readonly slot: number;
  readonly gpu: number;
  /** What the sum grows by when its replica goes. */
  readonly loss: number;
}

/**
 * Lets more of a layer's load flow, by replicas. What a GPU holds of experts with no other replica is *captive*: shares
 * cannot take it away when it grows, and a GPU whose load is all captive is the maximum as soon as the load drifts.
 */
export class LayerLoosener {
  readonly #inForce: Int32Array;
  readonly #tokens: Float64Array;
  readonly #capacity: PoolCapacity;
  readonly #flow: LevelFlow;
  readonly #fits: (row: Int32Array) => boolean;
  readonly #slotsPerGpu: number;
  /** `[gpus]`, in parts of what a GPU carries under the level. */
  readonly #captive: Float64Array;
  /** `[gpus]`: the slot of the heaviest captive expert; −1 for none. */
  readonly #heaviest: Int32Array;
  /** `[slots]`: 1 for replicas that the load needs. */
  readonly #needed: Uint8Array;
  #failures = 0;
  #next: Loosening | null;

  /**
   * @param inForce `[slots]`: what moves are counted from
   * @param row     `[slots]`: where it begins
   * @param level   GPU load / speed that the load has to stay under
   * @param fits    whether it exactly does with these slots
   */
  constructor(
    inForce: Int32Array,
    row: Int32Array,
    tokens: Float64Array,
    capacity: PoolCapacity,
    level: number,
    fits: (row: Int32Array) => boolean,
  ) {
    this.#inForce = inForce;
    this.#tokens = tokens;
    this.#capacity = capacity;
    this.#fits = fits;
    this.#flow = new LevelFlow(row, tokens, capacity);
    this.#flow.setLevel(level);
    this.#flow.save();
    this.#slotsPerGpu = row.length / capacity.slots.length;
    this.#captive = new Float64Array(capacity.slots.length);
    this.#heaviest = new Int32Array(capacity.slots.length);
    this.#needed = new Uint8Array(row.length);
    this.#next = this.#find();
  }

  get row(): Int32Array {
    return this.#flow.row;
  }

  /** What the next replica brings for each move; 0 where none is worth one. */
  get value(): number {
    return this.#next?.value ?? 0;
  }

  /** Makes the next change where the load allows it, and the moves do. @returns the moves it took */
  take(left: number): number {
    if (this.#next === null) return 0;
    const { slot, expert } = this.#next;
    const flow = this.#flow;
    const cost = moveCost(flow, this.#inForce, slot, expert);
    const before = flow.row[slot];
    let made = false;
    if (cost <= left) {
      flow.put(slot, expert);
      made = flow.settle() <= 10 * flow.epsilon && this.#fits(flow.row);
      if (made) {
        flow.save();
      } else {
        flow.put(slot, before);
        flow.restore();
      }
    }
    if (!made) this.#needed[slot] = 1;
    this.#failures = made ? 0 : this.#failures + 1;
    this.#next = this.#failures < FAILURES ? this.#find() : null;
    return made ? cost : 0;
  }

  #find(): Loosening | null {
    const flow = this.#flow;
    if (flow.level === 0) return null;
    this.#findCaptives();
    const spare = this.#spareSlots();
    let found: Loosening | null = null;
    let above = LEAST_VALUE;
    for (let gpu = 0; gpu < this.#captive.length; gpu++) {
      if (this.#heaviest[gpu] < 0) continue;
      const expert = flow.row[this.#heaviest[gpu]];
      const gain = -this.#change(gpu, -this.#tokens[expert]);
      if (gain <= above * LEAST_COST) continue;
      for (const at of spare) {
        if (at.gpu === gpu) continue;
        const less = gain - at.loss;
        if (less <= above * LEAST_COST) continue;
        const cost = Math.max(LEAST_COST, moveCost(flow, this.#inForce, at.slot, expert));
        const value = less / cost;
        if (value <= above) continue;
        above = value;
        found = { slot: at.slot, expert, value };
      }
    }
    return found;
  }

  #findCaptives(): void {
    const { row, replicas, gpuOf } = this.#flow;
    const tokens = this.#tokens;
    this.#captive.fill(0);
    this.#heaviest.fill(-1);
    for (let slot = 0; slot < row.length; slot++) {
      const expert = row[slot];
      if (expert < 0 || replicas[expert] > 1) continue;
      const gpu = gpuOf[slot];
      this.#captive[gpu] += tokens[expert] / this.#most(gpu);
      const heaviest = this.#heaviest[gpu];
      if (heaviest < 0 || tokens[expert] > tokens[row[heaviest]]) this.#heaviest[gpu] = slot;
    }
  }

  #spareSlots(): SpareSlot[] {
    const { row, replicas } = this.#flow;
    const { slots } = this.#capacity;
    const spare: SpareSlot[] = [];
    for (let gpu = 0; gpu < slots.length; gpu++) {
      const first = gpu * this.#slotsPerGpu;
      for (let slot = first; slot < first + slots[gpu]; slot++) {
        const expert = row[slot];
        if (this.#needed[slot] === 1 || (expert >= 0 && replicas[expert] < 2)) continue;
        spare.push({ slot, gpu, loss: expert < 0 ? 0 : this.#loss(slot, expert) });
      }
    }
    return spare;
  }

  /** The last replica but one leaves the other one captive. */
  #loss(slot: number, expert: number): number {
    const flow = this.#flow;
    if (flow.replicas[expert] > 2) return 0;
    const first = flow.firstSlot(expert);
    const other = first === slot ? flow.nextSlot(first) : first;
    return this.#change(flow.gpuOf[other], this.#tokens[expert]);
  }

  /** Of the sum, when so much more of a GPU's load is captive. */
  #change(gpu: number, load: number): number {
    const before = this.#captive[gpu];
    return fourth(Math.max(0, before + load / this.#most(gpu))) - fourth(before);
  }

  #most(gpu: number): number {
    return this.#flow.level * this.#capacity.speeds[gpu];
  }
}

function fourth(x: number): number {
  return x * x * x * x;
}
