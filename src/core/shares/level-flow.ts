import type { PoolCapacity } from "../../model/pool-capacity.ts";

/** Flow below this fraction of the layer's total load counts as none. */
const TOLERANCE = 1e-9;

/**
 * One layer's load fitted under a given level, as far as it fits: expert → the GPUs that hold it → sink of capacity
 * level × speed, a maximum flow. It is kept while slots change: a change, and taking it back, costs about as much as
 * the load that it moves has to go ways.
 *
 * What does not fit is *excess*, and the GPUs that it could go to, directly or by pushing others on, are *jammed*: all
 * of them are full, and only a change of slots can relieve them.
 */
export class LevelFlow {
  /** `[slots]`: expert of each, −1 for none. Changed by `put` only. */
  readonly row: Int32Array;
  /** `[slots]`: the load that each carries. */
  readonly flow: Float64Array;
  /** `[gpus]` */
  readonly load: Float64Array;
  /** `[experts]`: load that has found no GPU. */
  readonly excess: Float64Array;
  /** `[experts]`: slots that hold each. */
  readonly replicas: Int32Array;
  /** `[slots]` */
  readonly gpuOf: Int32Array;
  /** `[gpus]` and `[experts]`: 1 for what `settle` found jammed. */
  readonly jammed: Uint8Array;
  readonly confined: Uint8Array;
  /** Load / speed that no GPU exceeds. */
  level = 0;
  /** Jammed GPUs, `[0, jams)`. */
  readonly queue: Int32Array;
  jams = 0;

  readonly #speeds: Float64Array;
  readonly #slotsPerGpu: number;
  /** The slots of an expert, as a list: its first, and the one after each. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  /** `[gpus]`: the slots that a path enters by and leaves its last GPU from; −1 at its begin. */
  readonly #enter: Int32Array;
  readonly #leave: Int32Array;
  /** Experts that the search has reached, in turn. */
  readonly #reached: Int32Array;
  #reachedCount = 0;
  readonly #epsilon: number;
  /** `[gpus]`: which jam each is part of, as a union–find. */
  readonly #jamOf: Int32Array;
  readonly #savedFlow: Float64Array;
  readonly #savedLoad: Float64Array;
  readonly #savedExcess: Float64Array;

  /** @param row `[slots]`, copied */
  constructor(row: Int32Array, tokens: Float64Array, { slots, speeds }: PoolCapacity) {
    const gpus = slots.length;
    this.#slotsPerGpu = row.length / gpus;
    this.row = row.slice();
    this.flow = new Float64Array(row.length);
    this.load = new Float64Array(gpus);
    this.excess = tokens.slice();
    this.replicas = new Int32Array(tokens.length);
    this.gpuOf = Int32Array.from(row, (_, slot) => Math.floor(slot / this.#slotsPerGpu));
    this.jammed = new Uint8Array(gpus);
    this.confined = new Uint8Array(tokens.length);
    this.queue = new Int32Array(gpus);
    this.#speeds = speeds;
    this.#first = new Int32Array(tokens.length).fill(-1);
    this.#next = new Int32Array(row.length).fill(-1);
    this.#enter = new Int32Array(gpus);
    this.#leave = new Int32Array(gpus);
    this.#reached = new Int32Array(tokens.length);
    this.#epsilon = tokens.reduce((a, b) => a + b, 0) * TOLERANCE;
    this.#jamOf = new Int32Array(gpus);
    this.#savedFlow = new Float64Array(row.length);
    this.#savedLoad = new Float64Array(gpus);
    this.#savedExcess = new Float64Array(tokens.length);
    for (let slot = row.length - 1; slot >= 0; slot--) if (row[slot] >= 0) this.#link(slot, row[slot]);
    for (let expert = 0; expert < tokens.length; expert++)
      if (this.replicas[expert] === 0) this.excess[expert] = 0;
  }

  /** Load that counts as none. */
  get epsilon(): number {
    return this.#epsilon;
  }

  /** What the GPU can still take under the level. */
  room(gpu: number): number {
    return this.level * this.#speeds[gpu] - this.load[gpu];
  }

  /** Changes the level; what is above it becomes excess. @returns the excess that is left */
  setLevel(level: number): number {
    this.level = level;
    const { flow, row, excess, load } = this;
    for (let gpu = 0; gpu < load.length; gpu++) {
      let over = -this.room(gpu);
      for (let slot = gpu * this.#slotsPerGpu; over > 0 && slot < (gpu + 1) * this.#slotsPerGpu; slot++) {
        const amount = Math.min(over, flow[slot]);
        if (amount <= 0) continue;
        flow[slot] -= amount;
        load[gpu] -= amount;
        excess[row[slot]] += amount;
        over -= amount;
      }
    }
    for (let expert = 0; expert < excess.length; expert++)
      if (this.replicas[expert] === 1) this.#seat(expert);
    return this.settle();
  }

  /** An expert with one replica stays there, as far as it fits. */
  #seat(expert: number): void {
    const slot = this.#first[expert];
    const gpu = this.gpuOf[slot];
    const amount = Math.min(this.excess[expert], Math.max(0, this.room(gpu)));
    this.flow[slot] += amount;
    this.load[gpu] += amount;
    this.excess[expert] -= amount;
  }

  /** Gives a slot another expert, −1 for none. What it carried becomes excess, until `settle`. */
  put(slot: number, expert: number): void {
    const before = this.row[slot];
    if (before === expert) return;
    if (before >= 0) {
      this.excess[before] += this.flow[slot];
      this.load[this.gpuOf[slot]] -= this.flow[slot];
      this.flow[slot] = 0;
      this.#unlink(slot, before);
    }
    if (expert >= 0) this.#link(slot, expert);
    this.row[slot] = expert;
  }

  /** Keeps the flow for `restore`. */
  save(): void {
    this.#savedFlow.set(this.flow);
    this.#savedLoad.set(this.load);
    this.#savedExcess.set(this.excess);
  }

  /** The flow as it was saved; the slots must hold again what they held then. */
  restore(): void {
    this.flow.set(this.#savedFlow);
    this.load.set(this.#savedLoad);
    this.excess.set(this.#savedExcess);
  }

  /** Finds GPUs for the excess, as far as it fits, and marks what is jammed. @returns the excess that is left */
  settle(): number {
    const { excess, queue, jammed, confined } = this;
    const epsilon = this.#epsilon;
    for (let i = 0; i < this.jams; i++) jammed[queue[i]] = 0;
    for (let i = 0; i < this.#reachedCount; i++) confined[this.#reached[i]] = 0;
    this.jams = 0;
    this.#reachedCount = 0;
    let left = 0;
    for (let expert = 0; expert < excess.length; expert++) {
      while (excess[expert] > epsilon) {
        const gpus = this.jams;
        const experts = this.#reachedCount;
        const target = this.#search(expert);
        if (target < 0) {
          left += excess[expert];
          break;
        }
        this.#push(expert, target);
        // What other searches found jammed stays so.
        for (let i = gpus; i < this.jams; i++) jammed[queue[i]] = 0;
        for (let i = experts; i < this.#reachedCount; i++) confined[this.#reached[i]] = 0;
        this.jams = gpus;
        this.#reachedCount = experts;
      }
    }
    return left;
  }

  /** The first slot of an expert, and the one after another; −1 behind the last. */
  firstSlot(expert: number): number {
    return this.#first[expert];
  }

  nextSlot(slot: number): number {
    return this.#next[slot];
  }

  holds(gpu: number, expert: number): boolean {
    const end = (gpu + 1) * this.#slotsPerGpu;
    for (let slot = gpu * this.#slotsPerGpu; slot < end; slot++) if (this.row[slot] === expert) return true;
    return false;
  }

  /** `[gpus]`, written: the excess that relief of each jammed GPU can reach; 0 for the others. */
  excessAt(at: Float64Array): void {
    const jamOf = this.#jamOf;
    at.fill(0);
    for (let i = 0; i < this.jams; i++) jamOf[this.queue[i]] = this.queue[i];
    for (let i = 0; i < this.#reachedCount; i++) {
      const first = this.#first[this.#reached[i]];
      const jam = this.#rootOf(this.gpuOf[first]);
      for (let slot = this.#next[first]; slot >= 0; slot = this.#next[slot])
        jamOf[this.#rootOf(this.gpuOf[slot])] = jam;
    }
    for (let i = 0; i < this.#reachedCount; i++) {
      const expert = this.#reached[i];
      at[this.#rootOf(this.gpuOf[this.#first[expert]])] += this.excess[expert];
    }
    for (let i = 0; i < this.jams; i++) at[this.queue[i]] = at[this.#rootOf(this.queue[i])];
  }

  #rootOf(gpu: number): number {
    const jamOf = this.#jamOf;
    let at = gpu;
    while (jamOf[at] !== at) at = jamOf[at] = jamOf[jamOf[at]];
    return at;
  }

  #link(slot: number, expert: number): void {
    this.#next[slot] = this.#first[expert];
    this.#first[expert] = slot;
    this.replicas[expert]++;
  }

  #unlink(slot: number, expert: number): void {
    if (this.#first[expert] === slot) {
      this.#first[expert] = this.#next[slot];
    } else {
      let at = this.#first[expert];
      while (this.#next[at] !== slot) at = this.#next[at];
      this.#next[at] = this.#next[slot];
    }
    this.replicas[expert]--;
  }

  /** Breadth first, from an expert to the GPUs that hold it, and on with what these carry. @returns a GPU with room, or −1 */
  #search(expert: number): number {
    const { row, flow, queue, jammed, confined, gpuOf } = this;
    const next = this.#next;
    const epsilon = this.#epsilon;
    let head = this.jams;
    let tail = head;
    let from = expert;
    let leave = -1;
    let slot = 0;
    let end = 0;
    for (;;) {
      if (confined[from] === 0) {
        confined[from] = 1;
        this.#reached[this.#reachedCount++] = from;
        for (let at = this.#first[from]; at >= 0; at = next[at]) {
          const gpu = gpuOf[at];
          if (jammed[gpu] === 1) continue;
          jammed[gpu] = 1;
          this.#enter[gpu] = at;
          this.#leave[gpu] = leave;
          queue[tail++] = gpu;
          if (this.room(gpu) > epsilon) {
            this.jams = tail;
            return gpu;
          }
        }
      }
      for (;;) {
        if (slot < end) {
          const carried = row[slot];
          if (flow[slot] > epsilon && confined[carried] === 0) {
            from = carried;
            leave = slot++;
            break;
          }
          slot++;
        } else if (head < tail) {
          slot = queue[head++] * this.#slotsPerGpu;
          end = slot + this.#slotsPerGpu;
        } else {
          this.jams = tail;
          return -1;
        }
      }
    }
  }

  /** Along the path that the search has found, as much as goes. */
  #push(expert: number, target: number): void {
    const { flow, load, excess, gpuOf } = this;
    const enter = this.#enter;
    const leave = this.#leave;
    let amount = Math.min(excess[expert], this.room(target));
    for (let gpu = target; leave[gpu] >= 0; gpu = gpuOf[leave[gpu]])
      amount = Math.min(amount, flow[leave[gpu]]);
    load[target] += amount;
    excess[expert] -= amount;
    for (let gpu = target; ; ) {
      flow[enter[gpu]] += amount;
      const from = leave[gpu];
      if (from < 0) return;
      flow[from] -= amount;
      gpu = gpuOf[from];
    }
  }
}
