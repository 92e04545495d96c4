import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** Flow below this fraction of the layer's total load counts as none. */
const TOLERANCE = 1e-12;

/**
 * One layer's share problem as a flow network: expert → the GPUs that hold it → sink of capacity T.
 * Its buffers are reused from layer to layer.
 *
 * An *arc* is a replica slot of an expert whose replicas are on two GPUs or more; the load of every other
 * expert cannot be shared and is counted into its GPU's base load.
 */
export class LayerFlow {
  /** `[gpus]`: a GPU's capacity is the maximum times its speed. */
  readonly #speeds: Float64Array;
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #gpus: number;
  /** `[gpus]`: load that no share can move. */
  readonly #base: Float64Array;
  /** Base + flow on every GPU. */
  readonly #load: Float64Array;
  /** Flow on every slot (arc) of the layer. */
  readonly #flow: Float64Array;
  /** Load of each flexible expert that has found no GPU yet. */
  readonly #excess: Float64Array;
  readonly #flexible: Int32Array;
  readonly #isFlexible: Uint8Array;
  /** Breadth-first search over GPUs: the slots the flow enters by and leaves from; -1 where not reached. */
  readonly #enter: Int32Array;
  readonly #leave: Int32Array;
  readonly #reached: Uint8Array;
  readonly #expertReached: Uint8Array;
  readonly #queue: Int32Array;
  /** GPUs in the queue. */
  #tail = 0;
  /** The maximum that the flow is to fit under; at last the least there is. */
  #max = 0;
  #epsilon = 0;
  /** Load of the experts that have a replica. */
  #served = 0;

  constructor(placement: Placement, replicas: ReplicaIndex, speeds: Float64Array) {
    const { experts, topology } = placement;
    const gpus = gpuCount(topology);
    const width = slotCount(topology);
    this.#placement = placement;
    this.#replicas = replicas;
    this.#gpus = gpus;
    this.#speeds = speeds;
    this.#base = new Float64Array(gpus);
    this.#load = new Float64Array(gpus);
    this.#flow = new Float64Array(width);
    this.#excess = new Float64Array(experts);
    this.#flexible = new Int32Array(experts);
    this.#isFlexible = new Uint8Array(experts);
    this.#enter = new Int32Array(gpus);
    this.#leave = new Int32Array(gpus);
    this.#reached = new Uint8Array(gpus);
    this.#expertReached = new Uint8Array(experts);
    this.#queue = new Int32Array(gpus);
  }

  /**
   * @param load   `[experts]` of the layer
   * @param shares `[slots]`, written
   * @param prices `[gpus]`, written
   * @param last   `[layers][slots]`: shares to begin from, such as those of a moment ago; null for none
   */
  solve(
    layer: number,
    load: Float64Array,
    shares: Float64Array,
    prices: Float64Array,
    last: ReadonlyNumbers | null,
  ): void {
    const flexible = this.#separate(layer, load);
    const total = this.#served;
    if (total === 0) {
      this.#writeShares(layer, load, shares);
      prices.fill(1 / this.#speeds.reduce((sum, speed) => sum + speed, 0));
      this.#max = 0;
      return;
    }
    this.#epsilon = total * TOLERANCE;
    let speed = 0;
    for (let gpu = 0; gpu < this.#gpus; gpu++) speed += this.#speeds[gpu];
    this.#max = total / speed;
    // A loop, because to fill boxes its number.
    for (let gpu = 0; gpu < this.#gpus; gpu++) prices[gpu] = 1 / speed;
    for (let gpu = 0; gpu < this.#gpus; gpu++) {
      if (this.#load[gpu] > this.#max * this.#speeds[gpu]) {
        this.#max = this.#load[gpu] / this.#speeds[gpu];
        prices.fill(0);
        prices[gpu] = 1 / this.#speeds[gpu];
      }
    }
    if (last !== null) {
      for (let i = 0; i < flexible; i++) this.#refill(layer, this.#flexible[i], last);
    }
    for (let i = 0; i < flexible; i++) this.#fill(layer, this.#flexible[i]);
    do {
      for (let i = 0; i < flexible; i++) this.#augment(layer, this.#flexible[i]);
    } while (this.#raise(layer, flexible, load, prices));
    this.#writeShares(layer, load, shares);
  }

  /** The least maximum of GPU load / speed that the last solution found. */
  get optimum(): number {
    return this.#max;
  }

  /** Puts what cannot be shared on its GPU and lists the rest; returns how many experts are flexible. */
  #separate(layer: number, load: Float64Array): number {
    const { offsets, slots } = this.#replicas;
    const { experts, topology } = this.#placement;
    this.#load.fill(0);
    this.#flow.fill(0);
    this.#isFlexible.fill(0);
    this.#served = 0;
    let flexible = 0;
    for (let e = 0; e < experts; e++) {
      const from = offsets[layer * experts + e];
      const to = offsets[layer * experts + e + 1];
      // Without a replica it is not served.
      this.#excess[e] = 0;
      if (from === to) continue;
      this.#served += load[e];
      const firstGpu = Math.floor(slots[from] / topology.slotsPerGpu);
      // Slots ascend, so the first and the last tell whether one GPU holds them all.
      if (Math.floor(slots[to - 1] / topology.slotsPerGpu) === firstGpu) {
        this.#load[firstGpu] += load[e];
        for (let i = from; i < to; i++) this.#flow[slots[i]] = load[e] / (to - from);
      } else {
        this.#excess[e] = load[e];
        this.#isFlexible[e] = 1;
        this.#flexible[flexible++] = e;
      }
    }
    this.#base.set(this.#load);
    return flexible;
  }

  /** What was last found is kept, as far as it fits under the maximum. */
  #refill(layer: number, expert: number, last: ReadonlyNumbers): void {
    const { offsets, slots } = this.#replicas;
    const { experts, topology } = this.#placement;
    const first = layer * this.#flow.length;
    const load = this.#excess[expert];
    for (let i = offsets[layer * experts + expert]; i < offsets[layer * experts + expert + 1]; i++) {
      const gpu = Math.floor(slots[i] / topology.slotsPerGpu);
      const room = Math.max(0, this.#room(gpu));
      const amount = Math.min(last[first + slots[i]] * load, room, this.#excess[expert]);
      this.#flow[slots[i]] = amount;
      this.#load[gpu] += amount;
      this.#excess[expert] -= amount;
    }
  }

  /** First guess: what is left of an expert's load goes to its GPUs in proportion to the room they have. */
  #fill(layer: number, expert: number): void {
    const { offsets, slots } = this.#replicas;
    const { experts, topology } = this.#placement;
    const from = offsets[layer * experts + expert];
    const to = offsets[layer * experts + expert + 1];
    let room = 0;
    for (let i = from; i < to; i++)
      room += Math.max(0, this.#room(Math.floor(slots[i] / topology.slotsPerGpu)));
    if (room === 0) return;
    const scale = Math.min(1, this.#excess[expert] / room);
    for (let i = from; i < to; i++) {
      const gpu = Math.floor(slots[i] / topology.slotsPerGpu);
      const amount = Math.max(0, this.#room(gpu)) * scale;
      this.#flow[slots[i]] += amount;
      this.#load[gpu] += amount;
      this.#excess[expert] -= amount;
    }
    if (this.#excess[expert] < 0) this.#excess[expert] = 0;
  }

  /** Pushes the expert's excess along shortest augmenting paths until none is left or no path is. */
  #augment(layer: number, expert: number): void {
    while (this.#excess[expert] > this.#epsilon) {
      this.#reached.fill(0);
      this.#tail = 0;
      const target = this.#search(layer, expert, true);
      if (target < 0) return;
      let amount = Math.min(this.#excess[expert], this.#room(target));
      for (let gpu = target; this.#leave[gpu] >= 0; gpu = this.#gpuOf(this.#leave[gpu])) {
        amount = Math.min(amount, this.#flow[this.#leave[gpu]]);
      }
      this.#load[target] += amount;
      this.#excess[expert] -= amount;
      for (let gpu = target; ; ) {
        this.#flow[this.#enter[gpu]] += amount;
        const leave = this.#leave[gpu];
        if (leave < 0) break;
        this.#flow[leave] -= amount;
        gpu = this.#gpuOf(leave);
      }
    }
  }

  /**
   * Breadth-first search from an expert over residual arcs. Marks and queues what it reaches, beyond what is
   * queued already. Returns the first GPU with room, or -1; where it is not to stop, it goes on to the end.
   */
  #search(layer: number, expert: number, stops: boolean): number {
    const { offsets, slots } = this.#replicas;
    const { experts, topology, physicalToLogical } = this.#placement;
    const { slotsPerGpu } = topology;
    const row = layer * this.#flow.length;
    const queue = this.#queue;
    const epsilon = this.#epsilon;
    let tail = this.#tail;
    if (tail === 0) this.#expertReached.fill(0);
    let head = tail;
    let from: number = expert;
    let leave = -1;
    let slot = 0;
    let lastSlot = 0;
    for (;;) {
      if (from >= 0 && this.#expertReached[from] === 0) {
        this.#expertReached[from] = 1;
        for (let i = offsets[layer * experts + from]; i < offsets[layer * experts + from + 1]; i++) {
          const gpu = Math.floor(slots[i] / slotsPerGpu);
          if (this.#reached[gpu] === 1) continue;
          this.#reached[gpu] = 1;
          this.#enter[gpu] = slots[i];
          this.#leave[gpu] = leave;
          if (stops && this.#room(gpu) > epsilon) return gpu;
          queue[tail++] = gpu;
        }
      }
      // The next arc that could give flow back: a slot on a reached GPU that carries some.
      for (;;) {
        if (slot < lastSlot) {
          const e = physicalToLogical[row + slot];
          if (this.#isFlexible[e] === 1 && this.#flow[slot] > epsilon && this.#expertReached[e] === 0) {
            from = e;
            leave = slot++;
            break;
          }
          slot++;
        } else if (head < tail) {
          slot = queue[head++] * slotsPerGpu;
          lastSlot = slot + slotsPerGpu;
        } else {
          this.#tail = tail;
          return -1;
        }
      }
    }
  }

  /**
   * The GPUs that all left-over load is confined to: their mean load is a lower bound of the maximum. Raises the
   * maximum to it; false when nothing is left over.
   */
  #raise(layer: number, flexible: number, load: Float64Array, prices: Float64Array): boolean {
    this.#reached.fill(0);
    this.#tail = 0;
    for (let i = 0; i < flexible; i++) {
      const e = this.#flexible[i];
      if (this.#excess[e] <= this.#epsilon || (this.#tail > 0 && this.#expertReached[e] === 1)) continue;
      this.#search(layer, e, false);
    }
    if (this.#tail === 0) return false;
    let confined = 0;
    for (let i = 0; i < flexible; i++) {
      const e = this.#flexible[i];
      if (this.#expertReached[e] === 1) confined += load[e];
    }
    let speed = 0;
    for (let gpu = 0; gpu < this.#gpus; gpu++) {
      prices[gpu] = 0;
      if (this.#reached[gpu] === 0) continue;
      speed += this.#speeds[gpu];
      confined += this.#base[gpu];
    }
    for (let gpu = 0; gpu < this.#gpus; gpu++) if (this.#reached[gpu] === 1) prices[gpu] = 1 / speed;
    if (confined / speed <= this.#max) return false;
    this.#max = confined / speed;
    return true;
  }

  /** Flow → fractions that sum to 1 for every expert; what rounding left over goes along in proportion. */
  #writeShares(layer: number, load: Float64Array, shares: Float64Array): void {
    const { offsets, slots } = this.#replicas;
    const { experts } = this.#placement;
    for (let e = 0; e < experts; e++) {
      const from = offsets[layer * experts + e];
      const to = offsets[layer * experts + e + 1];
      let sum = 0;
      for (let i = from; i < to; i++) sum += this.#flow[slots[i]];
      for (let i = from; i < to; i++) {
        shares[slots[i]] = sum > 0 && load[e] > 0 ? this.#flow[slots[i]] / sum : 1 / (to - from);
      }
    }
  }

  /** What the GPU can still take under the maximum. */
  #room(gpu: number): number {
    return this.#max * this.#speeds[gpu] - this.#load[gpu];
  }

  #gpuOf(slot: number): number {
    return Math.floor(slot / this.#placement.topology.slotsPerGpu);
  }
}
