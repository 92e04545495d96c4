import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { SplitReplicas } from "../../model/replica-map.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../model/topology.ts";

/** What rounding may have made of a whole entry. */
const NO_PART = 1e-9;

/**
 * Gives every source rank's entries of an expert to its replicas: first as many as can be to its own GPU, then of the
 * others as many as can be within its node, then the rest where there is room. Within a node and beyond it, what there
 * is room for is spread evenly over the ranks that still need it, and each of them takes of every replica in proportion
 * to the room there. Rounding to whole entries is carried along: each rank's part is of what the ranks before it left.
 *
 * For ranks that send equally much, no other tables that list each replica as often in all make fewer node hops, nor,
 * with as few, fewer rank hops: distances are those of a tree, on which matching within the smallest subtree first is
 * optimal.
 */
export class EntrySeats {
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #entries: number;
  readonly #counts: Uint16Array;
  /** `[ranks]` */
  readonly #nodeOf: Int32Array;
  /** `[ranks]`: entries that are not given yet. */
  readonly #need: Int32Array;
  /** `[slots]`: what a replica is still to get, in entries of a rank that weighs 1. */
  readonly #room: Float64Array;
  /** `[slots]`: what rounding down left over. */
  readonly #remainder: Float64Array;

  /**
   * @param entries of every rank for an expert
   * @param counts  `[ranks][layers][slots]`, added to: how many of them list each slot
   */
  constructor({ placement, replicas }: SplitReplicas, entries: number, counts: Uint16Array) {
    const { topology } = placement;
    const ranks = gpuCount(topology);
    this.#placement = placement;
    this.#replicas = replicas;
    this.#entries = entries;
    this.#counts = counts;
    this.#nodeOf = Int32Array.from({ length: ranks }, (_, rank) => nodeOfGpu(topology, rank));
    this.#need = new Int32Array(ranks);
    this.#room = new Float64Array(slotCount(topology));
    this.#remainder = new Float64Array(slotCount(topology));
  }

  /**
   * @param totals  `[slots]`: entries for each replica, of ranks that weigh 1
   * @param weights `[ranks]`: what each sends of the expert, 1 in the mean of those that send any; one that sends none
   *   takes the nearest
   */
  assign(layer: number, expert: number, totals: Int32Array, weights: Float64Array): void {
    const { layers, experts } = this.#placement;
    const { offsets, slots } = this.#replicas;
    const from = offsets[layer * experts + expert];
    const to = offsets[layer * experts + expert + 1];
    if (from === to) return;
    const width = this.#room.length;
    const ranks = this.#need.length;
    if (to - from === 1) {
      for (let rank = 0; rank < ranks; rank++) {
        this.#counts[(rank * layers + layer) * width + slots[from]] = this.#entries;
      }
      return;
    }
    for (let i = from; i < to; i++) this.#room[slots[i]] = totals[slots[i]];
    for (let rank = 0; rank < ranks; rank++) this.#need[rank] = weights[rank] > 0 ? this.#entries : 0;
    this.#ownGpus(layer, from, to, weights);
    this.#ownNodes(layer, from, to, weights);
    for (let rank = 0; rank < ranks; rank++) {
      if (this.#need[rank] > 0) this.#deal(layer, rank, from, to, this.#need[rank], weights[rank]);
    }
    for (let rank = 0; rank < ranks; rank++) {
      if (weights[rank] === 0) this.#nearest(layer, rank, from, to, totals);
    }
  }

  #ownGpus(layer: number, from: number, to: number, weights: Float64Array): void {
    for (let first = from, end = from; first < to; first = end) {
      const gpu = this.#gpu(first);
      end = this.#endOfGpu(first, to);
      if (this.#need[gpu] === 0) continue;
      const amount = Math.min(this.#need[gpu], Math.floor(this.#roomOf(first, end) / weights[gpu] + NO_PART));
      if (amount > 0) this.#deal(layer, gpu, first, end, amount, weights[gpu]);
    }
  }

  #ownNodes(layer: number, from: number, to: number, weights: Float64Array): void {
    const { gpusPerNode } = this.#placement.topology;
    const need = this.#need;
    for (let first = from, end = from; first < to; first = end) {
      const ranks = this.#nodeOf[this.#gpu(first)] * gpusPerNode;
      end = this.#endOfNode(first, to);
      let room = this.#roomOf(first, end);
      if (room < NO_PART) continue;
      let needed = 0;
      for (let rank = ranks; rank < ranks + gpusPerNode; rank++) needed += need[rank] * weights[rank];
      room = Math.min(room, needed);
      for (let rank = ranks; rank < ranks + gpusPerNode; rank++) {
        if (need[rank] === 0) continue;
        const weight = weights[rank];
        const part = (need[rank] * room) / needed;
        needed -= need[rank] * weight;
        const amount = Math.min(need[rank], Math.round(part), Math.floor(room / weight + NO_PART));
        if (amount <= 0) continue;
        this.#deal(layer, rank, first, end, amount, weight);
        room -= amount * weight;
      }
    }
  }

  /** One that sends none takes the nearest replicas that have a share, and among them goes by their shares. */
  #nearest(layer: number, rank: number, from: number, to: number, totals: Int32Array): void {
    const { slots } = this.#replicas;
    let first = from;
    let end = to;
    let reach = 2;
    for (let i = from; i < to; i++) {
      if (totals[slots[i]] === 0 || this.#nodeOf[this.#gpu(i)] !== this.#nodeOf[rank]) continue;
      const distance = this.#gpu(i) === rank ? 0 : 1;
      if (distance >= reach) continue;
      reach = distance;
      first = i;
      end = distance === 0 ? this.#endOfGpu(i, to) : this.#endOfNode(i, to);
    }
    for (let i = first; i < end; i++) this.#room[slots[i]] = totals[slots[i]];
    this.#need[rank] = this.#entries;
    this.#deal(layer, rank, first, end, this.#entries, 0);
  }

  /** Gives some of a rank's entries to the replicas `[first, end)` in proportion to the room of each. */
  #deal(layer: number, rank: number, first: number, end: number, amount: number, weight: number): void {
    const { slots } = this.#replicas;
    const room = this.#room;
    const remainder = this.#remainder;
    const counts = this.#counts;
    const base = (rank * this.#placement.layers + layer) * room.length;
    this.#need[rank] -= amount;
    const open = this.#roomOf(first, end);
    let left = amount;
    for (let i = first; i < end; i++) {
      const slot = slots[i];
      const part = open > 0 ? (amount * Math.max(0, room[slot])) / open : amount / (end - first);
      const whole = Math.floor(part + NO_PART);
      remainder[slot] = part - whole;
      room[slot] -= whole * weight;
      counts[base + slot] += whole;
      left -= whole;
    }
    for (; left > 0; left--) {
      let most = slots[first];
      for (let i = first + 1; i < end; i++) if (remainder[slots[i]] > remainder[most]) most = slots[i];
      remainder[most]--;
      room[most] -= weight;
      counts[base + most]++;
    }
  }

  #roomOf(first: number, end: number): number {
    let room = 0;
    for (let i = first; i < end; i++) room += Math.max(0, this.#room[this.#replicas.slots[i]]);
    return room;
  }

  /** The GPU of the i-th replica. */
  #gpu(i: number): number {
    return gpuOfSlot(this.#placement.topology, this.#replicas.slots[i]);
  }

  /** Behind the last replica on the GPU of the i-th: an expert's slots ascend. */
  #endOfGpu(i: number, to: number): number {
    let end = i + 1;
    while (end < to && this.#gpu(end) === this.#gpu(i)) end++;
    return end;
  }

  #endOfNode(i: number, to: number): number {
    const node = this.#nodeOf[this.#gpu(i)];
    let end = i + 1;
    while (end < to && this.#nodeOf[this.#gpu(end)] === node) end++;
    return end;
  }
}
