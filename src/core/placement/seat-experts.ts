import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { Zones } from "./zones.ts";

/** A swap must lower the fuller GPU by this part of the mean to be worth trying for more. */
const LEAST_GAIN = 1e-5;
const MOST_SWAPS = 256;
/** What tells two GPUs apart for a replica: how many replicas they hold counts most, then whether they are joined already. */
const DEGREE_WEIGHT = 1;
const JOINED_WEIGHT = 5;
const SAME_PAIR_WEIGHT = 3;

/**
 * Seats one layer's experts on GPUs, given how many copies each zone holds at most. Never two copies on one GPU:
 * the slot stays empty instead.
 *
 * Replicated experts come first. Each joins the GPUs that hold it, and through joined GPUs load can flow: every
 * GPU gets equally many replicas, and replicas join parts that were not joined before, so that when the load drifts the
 * shares can carry it from any GPU to any other. Experts with one copy then level the GPUs, heaviest first,
 * and swaps between the fullest GPU and the others take out what is left. Keeps its buffers from layer to layer.
 */
export class ExpertSeater {
  readonly #capacity: PoolCapacity;
  readonly #zones: Zones;
  readonly #slotsPerGpu: number;
  readonly #gpus: number;
  readonly #free: Int32Array;
  readonly #replicas: Int32Array;
  readonly #load: Float64Array;
  readonly #part: Int32Array;
  readonly #chosen: Int32Array;
  readonly #isChosen: Uint8Array;
  readonly #joined: Uint8Array;
  readonly #order: Uint32Array;
  /** `[experts]`: copies in all, and the load of each. */
  readonly #total: Int32Array;
  readonly #perCopy: Float64Array;
  /** `[slots]`: what each slot carries. */
  readonly #carried: Float64Array;
  /** Load / speed of the zones as a whole; 1 without load. */
  #mean = 1;
  #row: Int32Array = new Int32Array(0);

  constructor(experts: number, slotsPerGpu: number, capacity: PoolCapacity, zones: Zones) {
    const gpus = capacity.slots.length;
    this.#capacity = capacity;
    this.#zones = zones;
    this.#slotsPerGpu = slotsPerGpu;
    this.#gpus = gpus;
    this.#free = new Int32Array(gpus);
    this.#replicas = new Int32Array(gpus);
    this.#load = new Float64Array(gpus);
    this.#part = new Int32Array(gpus);
    this.#chosen = new Int32Array(gpus);
    this.#isChosen = new Uint8Array(gpus);
    this.#joined = new Uint8Array(gpus * gpus);
    this.#order = new Uint32Array(experts);
    this.#total = new Int32Array(experts);
    this.#perCopy = new Float64Array(experts);
    this.#carried = new Float64Array(gpus * slotsPerGpu);
  }

  /**
   * @param load   `[experts]`
   * @param copies `[zones][experts]`: copies of each expert in each zone; every expert has one at least
   * @param row    `[slots]`, written: the expert of every slot, −1 where it stays empty
   * @param swaps  `singles` leaves replicas where they were seated for flow
   */
  seat(load: Float64Array, copies: Int32Array, row: Int32Array, swaps: "singles" | "all"): void {
    const experts = load.length;
    const { count } = this.#zones;
    row.fill(-1);
    this.#row = row;
    this.#free.set(this.#capacity.slots);
    this.#replicas.fill(0);
    this.#load.fill(0);
    this.#carried.fill(0);
    this.#joined.fill(0);
    for (let gpu = 0; gpu < this.#gpus; gpu++) this.#part[gpu] = gpu;
    for (let e = 0; e < experts; e++) {
      this.#order[e] = e;
      this.#total[e] = 0;
      for (let zone = 0; zone < count; zone++) this.#total[e] += copies[zone * experts + e];
      this.#perCopy[e] = load[e] / this.#total[e];
    }
    const speed = this.#zones.speeds.reduce((a, b) => a + b, 0);
    this.#mean = load.reduce((a, b) => a + b, 0) / speed || 1;
    this.#order.sort((a, b) => load[b] - load[a]);
    for (const e of this.#order) {
      if (this.#total[e] > 1) this.#seatReplicas(e, copies, experts);
    }
    for (const e of this.#order) {
      if (this.#total[e] === 1) this.#seatSingle(e, copies, experts);
    }
    this.#level(swaps);
  }

  /**
   * Levels a seated layer once more, for shares that were solved for it.
   * @param carried `[slots]`: the load of every slot under these shares
   * @param row     `[slots]`, changed
   * @param swaps   `singles` swaps replicas only after single copies
   * @returns whether anything was swapped
   */
  relevel(carried: Float64Array, row: Int32Array, swaps: "singles" | "all"): boolean {
    this.#row = row;
    this.#carried.set(carried);
    this.#load.fill(0);
    for (let slot = 0; slot < row.length; slot++) {
      this.#load[Math.floor(slot / this.#slotsPerGpu)] += carried[slot];
    }
    const swapped = swaps === "singles" && this.#level("singles");
    return this.#level("all") || swapped;
  }

  #seatReplicas(expert: number, copies: Int32Array, experts: number): void {
    const chosen = this.#chosen;
    let count = 0;
    for (let zone = 0; zone < this.#zones.count; zone++) {
      for (let k = 0; k < copies[zone * experts + expert]; k++) {
        const gpu = this.#bestForReplica(zone, count);
        if (gpu < 0) break;
        this.#put(expert, gpu);
        this.#replicas[gpu]++;
        chosen[count++] = gpu;
        this.#isChosen[gpu] = 1;
      }
    }
    for (let i = 0; i < count; i++) {
      this.#isChosen[chosen[i]] = 0;
      for (let j = 0; j < i; j++) {
        this.#joined[chosen[i] * this.#gpus + chosen[j]] = 1;
        this.#joined[chosen[j] * this.#gpus + chosen[i]] = 1;
        this.#part[this.#partOf(chosen[i])] = this.#partOf(chosen[j]);
      }
    }
  }

  /**
   * @param seated replicas of the expert that have a GPU already, in `#chosen`
   * @returns −1 where every GPU with a free slot holds the expert
   */
  #bestForReplica(zone: number, seated: number): number {
    const { ofGpu } = this.#zones;
    const { speeds } = this.#capacity;
    const mean = this.#mean;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let gpu = 0; gpu < this.#gpus; gpu++) {
      if (this.#free[gpu] === 0 || ofGpu[gpu] !== zone || this.#isChosen[gpu] === 1) continue;
      let cost = this.#replicas[gpu] * DEGREE_WEIGHT + this.#load[gpu] / speeds[gpu] / mean;
      for (let i = 0; i < seated; i++) {
        if (this.#partOf(this.#chosen[i]) === this.#partOf(gpu)) {
          cost += JOINED_WEIGHT;
          break;
        }
      }
      for (let i = 0; i < seated; i++) {
        if (this.#joined[this.#chosen[i] * this.#gpus + gpu] === 1) {
          cost += SAME_PAIR_WEIGHT;
          break;
        }
      }
      if (cost < least) {
        least = cost;
        best = gpu;
      }
    }
    return best;
  }

  #seatSingle(expert: number, copies: Int32Array, experts: number): void {
    const { ofGpu } = this.#zones;
    const { speeds } = this.#capacity;
    let zone = 0;
    while (copies[zone * experts + expert] === 0) zone++;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let gpu = 0; gpu < this.#gpus; gpu++) {
      if (this.#free[gpu] === 0 || ofGpu[gpu] !== zone) continue;
      const load = this.#load[gpu] / speeds[gpu];
      if (load < least) {
        least = load;
        best = gpu;
      }
    }
    this.#put(expert, best);
  }

  #put(expert: number, gpu: number): void {
    const slot = gpu * this.#slotsPerGpu + this.#capacity.slots[gpu] - this.#free[gpu];
    this.#row[slot] = expert;
    this.#carried[slot] = this.#perCopy[expert];
    this.#free[gpu]--;
    this.#load[gpu] += this.#perCopy[expert];
  }

  /** Swaps slots between the fullest GPU and another of its zone while that lowers the fuller of the two. */
  #level(swaps: "singles" | "all"): boolean {
    const { speeds } = this.#capacity;
    const leastGain = LEAST_GAIN * this.#mean;
    for (let n = 0; n < MOST_SWAPS; n++) {
      let full = 0;
      for (let gpu = 1; gpu < this.#gpus; gpu++) {
        if (this.#load[gpu] / speeds[gpu] > this.#load[full] / speeds[full]) full = gpu;
      }
      if (!this.#swapFrom(full, leastGain, swaps === "singles")) return n > 0;
    }
    return true;
  }

  #swapFrom(full: number, leastGain: number, singles: boolean): boolean {
    const { ofGpu } = this.#zones;
    const { slots, speeds } = this.#capacity;
    const carried = this.#carried;
    const row = this.#row;
    const load = this.#load;
    const width = this.#slotsPerGpu;
    const perFull = 1 / speeds[full];
    const top = load[full] * perFull;
    let bestGain = leastGain;
    let from = -1;
    let to = -1;
    for (let gpu = 0; gpu < this.#gpus; gpu++) {
      if (gpu === full || ofGpu[gpu] !== ofGpu[full]) continue;
      const perOther = 1 / speeds[gpu];
      const ahead = top - load[gpu] * perOther;
      // No swap gains more than one that makes the two GPUs equally full.
      if (ahead * perFull <= bestGain * (perFull + perOther)) continue;
      for (let i = full * width; i < full * width + slots[full]; i++) {
        const heavy = carried[i];
        if (heavy * perFull <= bestGain || (singles && this.#total[row[i]] > 1)) continue;
        for (let j = gpu * width; j < gpu * width + slots[gpu]; j++) {
          const moved = heavy - carried[j];
          if (moved <= 0 || (singles && this.#total[row[j]] > 1)) continue;
          const gain = Math.min(moved * perFull, ahead - moved * perOther);
          if (gain > bestGain && !this.#holds(gpu, row[i]) && !this.#holds(full, row[j])) {
            bestGain = gain;
            from = i;
            to = j;
          }
        }
      }
    }
    if (from < 0) return false;
    const moved = carried[from] - carried[to];
    [row[from], row[to]] = [row[to], row[from]];
    [carried[from], carried[to]] = [carried[to], carried[from]];
    load[full] -= moved;
    load[Math.floor(to / width)] += moved;
    return true;
  }

  #holds(gpu: number, expert: number): boolean {
    const first = gpu * this.#slotsPerGpu;
    for (let i = first; i < first + this.#capacity.slots[gpu]; i++) if (this.#row[i] === expert) return true;
    return false;
  }

  /** The part of the joined GPUs that a GPU belongs to (union–find with path halving). */
  #partOf(gpu: number): number {
    const part = this.#part;
    let at = gpu;
    while (part[at] !== at) {
      part[at] = part[part[at]];
      at = part[at];
    }
    return at;
  }
}
