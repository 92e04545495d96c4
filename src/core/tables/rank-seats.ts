import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../model/topology.ts";
import type { SplitReplicas } from "../../model/replica-map.ts";

/** How far a replica is from a rank: on it, in its node, anywhere. */
const ANYWHERE = 2;

/**
 * Seats the ranks that send an expert at its replicas: first as many as can be on their own GPU, then of the others as
 * many as can be in their own node, then the rest where there is most room. For ranks that send equally much, no other
 * seating with as many ranks at each replica makes fewer node hops, nor, with as few, fewer rank hops: distances are
 * those of a tree, on which matching within the smallest subtree first is optimal.
 */
export class RankSeats {
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #tokens: Float64Array;
  readonly #table: Int32Array;
  /** Ranks without a seat, those that send most first. */
  readonly #contenders: Int32Array;
  /** `[slots]`: tokens a replica is still to get. */
  readonly #room: Float64Array;

  /**
   * @param tokens `[ranks][layers][experts]`
   * @param table  `[ranks][layers][experts]`, written
   */
  constructor({ placement, replicas }: SplitReplicas, tokens: Float64Array, table: Int32Array) {
    this.#placement = placement;
    this.#replicas = replicas;
    this.#tokens = tokens;
    this.#table = table;
    this.#contenders = new Int32Array(gpuCount(placement.topology));
    this.#room = new Float64Array(slotCount(placement.topology));
  }

  /**
   * @param counts `[slots]`: ranks for each replica
   * @param part   tokens of one of them
   */
  assign(layer: number, expert: number, counts: Int32Array, part: number): void {
    const { layers, experts } = this.#placement;
    const { offsets, slots } = this.#replicas;
    const room = this.#room;
    const contenders = this.#contenders;
    const stride = layers * experts;
    const row = layer * experts + expert;
    if (offsets[row + 1] - offsets[row] <= 1) {
      // Nothing to choose.
      const only = offsets[row] < offsets[row + 1] ? slots[offsets[row]] : -1;
      for (let rank = 0; rank < contenders.length; rank++) this.#table[rank * stride + row] = only;
      return;
    }
    for (let i = offsets[row]; i < offsets[row + 1]; i++) room[slots[i]] = counts[slots[i]] * part;
    for (let rank = 0; rank < contenders.length; rank++) contenders[rank] = rank;
    const sent = (rank: number) => this.#tokens[rank * stride + row];
    contenders.sort((a, b) => sent(b) - sent(a) || a - b);
    let left = contenders.length;
    for (let reach = 0; reach <= ANYWHERE; reach++) {
      const open = left;
      left = 0;
      for (let i = 0; i < open; i++) {
        const rank = contenders[i];
        const slot = this.#roomiest(row, rank, reach);
        const tokens = sent(rank);
        // A seat is had where at least half of what the rank sends fits.
        const fits = slot >= 0 && (tokens === 0 || 2 * room[slot] >= tokens);
        if (!fits && reach < ANYWHERE) {
          contenders[left++] = rank;
          continue;
        }
        room[slot] -= tokens;
        this.#table[rank * stride + row] = slot;
      }
    }
  }

  /** Of the replicas no further from the rank, the one with most room; −1 where there is none. */
  #roomiest(row: number, rank: number, reach: number): number {
    const { topology } = this.#placement;
    const { offsets, slots } = this.#replicas;
    const room = this.#room;
    let best = -1;
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      const gpu = gpuOfSlot(topology, slots[i]);
      const sameNode = nodeOfGpu(topology, gpu) === nodeOfGpu(topology, rank);
      if (reach < ANYWHERE && (reach === 0 ? gpu !== rank : !sameNode)) continue;
      if (best < 0 || room[slots[i]] > room[best]) best = slots[i];
    }
    return best;
  }
}
