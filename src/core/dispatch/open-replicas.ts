import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/**
 * Which replicas a batch activates, so that the GPU with most activated experts has as few as this placement allows.
 *
 * Every expert of the batch first opens one replica. As long as a GPU at the maximum can hand an expert on, over other
 * GPUs if need be, to one that has two fewer, it does: without such a path the maximum is the least there is (optimal
 * semi-matchings: Harvey, Ladner, Lovász, Tamir 2003). Then replicas on GPUs below the maximum, which cost no
 * time, are opened too, those of the experts with most selections first. Keeps its buffers from call to call.
 */
export class OpenReplicas {
  /** `[slots]`: 1 where the layer's slot is open; overwritten by the next call. */
  readonly open: Uint8Array;
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #gpuOf: Int32Array;
  /** `[gpus]`: open replicas. */
  readonly #active: Int32Array;
  /** `[experts]`: the first slot opened; -1 for experts that the batch does not select or that have none. */
  readonly #seat: Int32Array;
  /** `[gpus]`: how the search came there: the expert that would move, and its slot there. */
  readonly #mover: Int32Array;
  readonly #entry: Int32Array;
  readonly #reached: Uint8Array;
  readonly #queue: Int32Array;

  constructor(placement: Placement, replicas: ReplicaIndex) {
    const { topology, experts } = placement;
    const gpus = gpuCount(topology);
    const slots = slotCount(topology);
    this.#placement = placement;
    this.#replicas = replicas;
    this.open = new Uint8Array(slots);
    this.#gpuOf = Int32Array.from({ length: slots }, (_, slot) => Math.floor(slot / topology.slotsPerGpu));
    this.#active = new Int32Array(gpus);
    this.#seat = new Int32Array(experts);
    this.#mover = new Int32Array(gpus);
    this.#entry = new Int32Array(gpus);
    this.#reached = new Uint8Array(gpus);
    this.#queue = new Int32Array(gpus);
  }

  /** @param count `[experts]`: the batch's selections of each */
  choose(layer: number, count: Float64Array): void {
    this.open.fill(0);
    this.#active.fill(0);
    this.#seatSingles(layer, count);
    this.#seatOthers(layer, count);
    let most = this.#most();
    while (this.#lower(layer, most)) most--;
    for (let e = 0; e < count.length; e++) if (this.#seat[e] >= 0) this.open[this.#seat[e]] = 1;
    this.#openMore(layer, count, most);
  }

  #seatSingles(layer: number, count: Float64Array): void {
    const { offsets, slots } = this.#replicas;
    const row = layer * count.length;
    for (let e = 0; e < count.length; e++) {
      this.#seat[e] = -1;
      const from = offsets[row + e];
      if (count[e] > 0 && offsets[row + e + 1] - from === 1) this.#sit(e, slots[from]);
    }
  }

  #seatOthers(layer: number, count: Float64Array): void {
    const { offsets, slots } = this.#replicas;
    const row = layer * count.length;
    for (let e = 0; e < count.length; e++) {
      if (count[e] === 0 || this.#seat[e] >= 0 || offsets[row + e] === offsets[row + e + 1]) continue;
      let best = slots[offsets[row + e]];
      for (let r = offsets[row + e] + 1; r < offsets[row + e + 1]; r++) {
        if (this.#active[this.#gpuOf[slots[r]]] < this.#active[this.#gpuOf[best]]) best = slots[r];
      }
      this.#sit(e, best);
    }
  }

  #sit(expert: number, slot: number): void {
    this.#seat[expert] = slot;
    this.#active[this.#gpuOf[slot]]++;
  }

  #most(): number {
    let most = 0;
    for (let gpu = 0; gpu < this.#active.length; gpu++) most = Math.max(most, this.#active[gpu]);
    return most;
  }

  /** Takes one expert off every GPU that has `most`; false when one cannot be relieved. */
  #lower(layer: number, most: number): boolean {
    if (most <= 1) return false;
    for (let gpu = 0; gpu < this.#active.length; gpu++) {
      if (this.#active[gpu] === most && !this.#relieve(layer, gpu, most)) return false;
    }
    return true;
  }

  /** Breadth-first search for a GPU with room, from one that has `most`; moves the experts on the way. */
  #relieve(layer: number, from: number, most: number): boolean {
    const { offsets, slots } = this.#replicas;
    const { experts, topology, physicalToLogical } = this.#placement;
    const { slotsPerGpu } = topology;
    const row = layer * experts;
    const first = layer * this.#gpuOf.length;
    this.#reached.fill(0);
    this.#reached[from] = 1;
    this.#queue[0] = from;
    for (let head = 0, tail = 1; head < tail; head++) {
      const here = this.#queue[head];
      for (let slot = here * slotsPerGpu; slot < (here + 1) * slotsPerGpu; slot++) {
        const e = physicalToLogical[first + slot];
        if (e < 0 || this.#seat[e] !== slot) continue;
        for (let r = offsets[row + e]; r < offsets[row + e + 1]; r++) {
          const gpu = this.#gpuOf[slots[r]];
          if (this.#reached[gpu] === 1) continue;
          this.#reached[gpu] = 1;
          this.#mover[gpu] = e;
          this.#entry[gpu] = slots[r];
          if (this.#active[gpu] <= most - 2) {
            this.#shift(from, gpu);
            return true;
          }
          this.#queue[tail++] = gpu;
        }
      }
    }
    return false;
  }

  /** Every expert on the path found moves on by one GPU. */
  #shift(from: number, to: number): void {
    this.#active[from]--;
    this.#active[to]++;
    for (let gpu = to; gpu !== from; ) {
      const e = this.#mover[gpu];
      const left = this.#gpuOf[this.#seat[e]];
      this.#seat[e] = this.#entry[gpu];
      gpu = left;
    }
  }

  #openMore(layer: number, count: Float64Array, most: number): void {
    const { topology, physicalToLogical } = this.#placement;
    const { slotsPerGpu } = topology;
    const first = layer * this.#gpuOf.length;
    for (let gpu = 0; gpu < this.#active.length; gpu++) {
      for (; this.#active[gpu] < most; this.#active[gpu]++) {
        let best = -1;
        let selections = 0;
        for (let slot = gpu * slotsPerGpu; slot < (gpu + 1) * slotsPerGpu; slot++) {
          const e = physicalToLogical[first + slot];
          if (e < 0 || this.open[slot] === 1 || count[e] <= selections) continue;
          selections = count[e];
          best = slot;
        }
        if (best < 0) break;
        this.open[best] = 1;
      }
    }
  }
}
