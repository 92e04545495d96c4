import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { type Topology, nodeOfGpu } from "../../../model/topology.ts";
import { replicate } from "../replicate.ts";

interface Pool {
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
}

/**
 * Seats one layer anew by few moves: every expert gets as many slots as levels the parts best (`replicate`); those it has
 * stay where they are, surplus ones leave the fullest GPUs, and missing ones go, the heaviest first, to the emptiest GPU
 * with room. Where nothing is held yet, that is EPLB's way for any capacity.
 * @param tokens `[experts]`
 * @param held   `[slots]`: what there is, −1 for none
 * @param homes  `[experts]`: the node that each has all its slots on; null for any
 * @returns `[slots]`; null where a node has fewer slots than experts at home there
 */
export function reseat(
  tokens: Float64Array,
  held: Int32Array,
  { topology, capacity }: Pool,
  homes: Int32Array | null,
): Int32Array | null {
  const row = held.slice();
  const zones = homes === null ? 1 : topology.nodes;
  for (let zone = 0; zone < zones; zone++) {
    const experts = [...tokens.keys()].filter((expert) => homes === null || homes[expert] === zone);
    const gpus = [...capacity.slots.keys()].filter(
      (gpu) => capacity.slots[gpu] > 0 && (homes === null || nodeOfGpu(topology, gpu) === zone),
    );
    const slots = gpus.reduce((sum, gpu) => sum + capacity.slots[gpu], 0);
    if (slots < experts.length) return null;
    if (experts.length === 0) continue;
    const { counts } = replicate(
      Float64Array.from(experts, (expert) => tokens[expert]),
      slots,
    );
    const wanted = new Int32Array(tokens.length);
    for (const [i, expert] of experts.entries()) wanted[expert] = counts[i];
    new Seats(row, wanted, tokens, gpus, capacity, topology.slotsPerGpu).settle();
  }
  return row;
}

/** The GPUs of one zone. */
class Seats {
  readonly #row: Int32Array;
  readonly #wanted: Int32Array;
  readonly #gpus: readonly number[];
  readonly #capacity: PoolCapacity;
  readonly #slotsPerGpu: number;
  /** `[experts]`: what each slot carries when all is done, and the slots there are. */
  readonly #part: Float64Array;
  readonly #held: Int32Array;
  /** `[gpus of the pool]` */
  readonly #level: Float64Array;

  constructor(
    row: Int32Array,
    wanted: Int32Array,
    tokens: Float64Array,
    gpus: readonly number[],
    capacity: PoolCapacity,
    slotsPerGpu: number,
  ) {
    this.#row = row;
    this.#wanted = wanted;
    this.#gpus = gpus;
    this.#capacity = capacity;
    this.#slotsPerGpu = slotsPerGpu;
    this.#part = tokens.map((load, expert) => (wanted[expert] === 0 ? 0 : load / wanted[expert]));
    this.#held = new Int32Array(tokens.length);
    this.#level = new Float64Array(capacity.slots.length);
    for (const gpu of gpus) {
      const first = gpu * slotsPerGpu;
      for (let slot = first; slot < first + capacity.slots[gpu]; slot++) {
        const expert = row[slot];
        if (expert < 0) continue;
        this.#held[expert]++;
        this.#level[gpu] += this.#part[expert] / capacity.speeds[gpu];
      }
    }
  }

  settle(): void {
    for (let expert = 0; expert < this.#wanted.length; expert++) {
      while (this.#held[expert] > this.#wanted[expert]) this.#takeFrom(expert);
    }
    const missing: number[] = [];
    for (let expert = 0; expert < this.#wanted.length; expert++) {
      for (let i = this.#held[expert]; i < this.#wanted[expert]; i++) missing.push(expert);
    }
    missing.sort((a, b) => this.#part[b] - this.#part[a]);
    for (const expert of missing) this.#giveTo(expert);
  }

  /** Of its slots, a second one on a GPU first, then the one on the fullest. */
  #takeFrom(expert: number): void {
    let worst = -1;
    let worstGpu = -1;
    let worstTwice = false;
    for (const gpu of this.#gpus) {
      const first = gpu * this.#slotsPerGpu;
      let last = -1;
      let twice = false;
      for (let slot = first; slot < first + this.#capacity.slots[gpu]; slot++) {
        if (this.#row[slot] !== expert) continue;
        twice = last >= 0;
        last = slot;
      }
      if (last < 0) continue;
      if (worst >= 0 && (twice === worstTwice ? this.#level[gpu] <= this.#level[worstGpu] : worstTwice))
        continue;
      worst = last;
      worstGpu = gpu;
      worstTwice = twice;
    }
    this.#level[worstGpu] -= this.#part[expert] / this.#capacity.speeds[worstGpu];
    this.#row[worst] = -1;
    this.#held[expert]--;
  }

  /** Of the GPUs with room, the emptiest; one that lacks the expert first. */
  #giveTo(expert: number): void {
    let best = -1;
    let bestHolds = false;
    for (const gpu of this.#gpus) {
      let free = false;
      let holds = false;
      const first = gpu * this.#slotsPerGpu;
      for (let slot = first; slot < first + this.#capacity.slots[gpu]; slot++) {
        if (this.#row[slot] < 0) free = true;
        else if (this.#row[slot] === expert) holds = true;
      }
      if (!free || (best >= 0 && (holds === bestHolds ? this.#level[gpu] >= this.#level[best] : holds)))
        continue;
      best = gpu;
      bestHolds = holds;
    }
    const slot = this.#row.indexOf(-1, best * this.#slotsPerGpu);
    this.#row[slot] = expert;
    this.#held[expert]++;
    this.#level[best] += this.#part[expert] / this.#capacity.speeds[best];
  }
}
