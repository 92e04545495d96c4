import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { Shares } from "../../model/shares.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";

/** Part of a rank that rounding may have made of none. */
const NO_PART = 1e-9;
/** A move must level by more than this part of a rank's tokens. */
const LEAST_GAIN = 1e-9;

/**
 * How many of the ranks that send an expert each of its replicas serves: the ranks' number times the replica's share,
 * rounded up or down. Which replicas are rounded up is decided for a layer as a whole, so that the GPUs carry as little
 * as may be beyond what the shares give them: the largest remainders first, then rank by rank from a GPU to another as
 * long as that lowers the fuller of the two. No move raises the most any GPU carries beyond its part.
 */
export class WholeRanks {
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #shares: Shares;
  /** `[slots]` of the layer last apportioned: ranks that each serves. */
  readonly counts: Int32Array;
  /** `[slots]`: what rounding down left over, in ranks. */
  readonly #remainder: Float64Array;
  /** `[slots]`: 1 where it was rounded up. */
  readonly #isRaised: Uint8Array;
  /** `[gpus]`: tokens beyond what the shares give. */
  readonly #excess: Float64Array;

  constructor({ placement, replicas, shares }: ReplicaMap) {
    const width = slotCount(placement.topology);
    this.#placement = placement;
    this.#replicas = replicas;
    this.#shares = shares;
    this.counts = new Int32Array(width);
    this.#remainder = new Float64Array(width);
    this.#isRaised = new Uint8Array(width);
    this.#excess = new Float64Array(gpuCount(placement.topology));
  }

  /**
   * @param senders `[experts]`: ranks that send the expert
   * @param parts   `[experts]`: tokens that one of them sends
   */
  apportion(layer: number, senders: Int32Array, parts: Float64Array): void {
    this.#excess.fill(0);
    this.#isRaised.fill(0);
    for (let expert = 0; expert < senders.length; expert++) {
      this.#round(layer, expert, senders[expert], parts[expert]);
    }
    let moved = true;
    while (moved) {
      moved = false;
      for (let expert = 0; expert < senders.length; expert++) {
        if (this.#level(layer, expert, parts[expert])) moved = true;
      }
    }
  }

  /** Rounds the expert's replicas down, then those with the largest remainders up. */
  #round(layer: number, expert: number, senders: number, part: number): void {
    const { counts } = this;
    const { topology, experts } = this.#placement;
    const { offsets, slots } = this.#replicas;
    const from = offsets[layer * experts + expert];
    const to = offsets[layer * experts + expert + 1];
    if (from === to) return;
    let left = senders;
    for (let i = from; i < to; i++) {
      const slot = slots[i];
      const quota = senders * this.#shares.values[layer * counts.length + slot];
      counts[slot] = Math.floor(quota + NO_PART);
      this.#remainder[slot] = quota - counts[slot];
      left -= counts[slot];
    }
    for (; left > 0; left--) {
      let most = -1;
      for (let i = from; i < to; i++) {
        const slot = slots[i];
        if (this.#isRaised[slot] === 0 && (most < 0 || this.#remainder[slot] > this.#remainder[most]))
          most = slot;
      }
      counts[most]++;
      this.#isRaised[most] = 1;
    }
    for (let i = from; i < to; i++) {
      const slot = slots[i];
      this.#excess[gpuOfSlot(topology, slot)] += part * (this.#isRaised[slot] - this.#remainder[slot]);
    }
  }

  /** Moves the expert's ranks to where fewer tokens are in excess; returns whether any moved. */
  #level(layer: number, expert: number, part: number): boolean {
    const { counts } = this;
    const { topology, experts } = this.#placement;
    const { offsets, slots } = this.#replicas;
    const excess = this.#excess;
    const row = layer * experts + expert;
    let moved = false;
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      if (this.#isRaised[slots[i]] === 0) continue;
      const here = gpuOfSlot(topology, slots[i]);
      let best = -1;
      let least = excess[here] - part * (1 + LEAST_GAIN);
      for (let j = offsets[row]; j < offsets[row + 1]; j++) {
        const slot = slots[j];
        const there = gpuOfSlot(topology, slot);
        if (this.#isRaised[slot] === 1 || this.#remainder[slot] <= NO_PART || excess[there] >= least)
          continue;
        best = slot;
        least = excess[there];
      }
      if (best < 0) continue;
      excess[here] -= part;
      excess[gpuOfSlot(topology, best)] += part;
      counts[slots[i]]--;
      counts[best]++;
      this.#isRaised[slots[i]] = 0;
      this.#isRaised[best] = 1;
      moved = true;
    }
    return moved;
  }
}
