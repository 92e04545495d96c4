import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { Shares } from "../../model/shares.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import type { SplitReplicas } from "../../model/replica-map.ts";

/** What rounding may have made of no remainder. */
const NO_PART = 1e-9;
/** A move must level by more than this fraction of a part. */
const LEAST_GAIN = 1e-9;

/**
 * An expert's tokens come in equal parts, such as the ranks that send it, or the entries of their tables. How many of
 * them each of its replicas serves: their number times the replica's share, rounded up or down. Which replicas are
 * rounded up is decided for a layer as a whole, so that the GPUs carry as little as may be beyond what the shares give
 * them: the largest remainders first, then part by part from a GPU to another as long as that lowers the fuller of the
 * two. No move raises the most any GPU carries beyond its shares.
 */
export class WholeParts {
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #shares: Pick<Shares, "values">;
  /** `[slots]` of the layer last apportioned: parts that each serves. */
  readonly counts: Int32Array;
  /** `[slots]`: what rounding down left over, in parts. */
  readonly #remainder: Float64Array;
  /** `[slots]`: 1 where it was rounded up. */
  readonly #isRaised: Uint8Array;
  /** `[gpus]`: tokens beyond what the shares give. */
  readonly #excess: Float64Array;

  constructor({ placement, replicas, shares }: SplitReplicas) {
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
   * @param parts  `[experts]`: how many parts the expert's tokens come in
   * @param tokens `[experts]`: tokens of one part
   */
  apportion(layer: number, parts: Int32Array, tokens: Float64Array): void {
    this.#excess.fill(0);
    this.#isRaised.fill(0);
    for (let expert = 0; expert < parts.length; expert++) {
      this.#round(layer, expert, parts[expert], tokens[expert]);
    }
    let moved = true;
    while (moved) {
      moved = false;
      for (let expert = 0; expert < parts.length; expert++) {
        if (this.#level(layer, expert, tokens[expert])) moved = true;
      }
    }
  }

  /** Rounds the expert's replicas down, then those with the largest remainders up. */
  #round(layer: number, expert: number, parts: number, tokens: number): void {
    const { counts } = this;
    const { topology, experts } = this.#placement;
    const { offsets, slots } = this.#replicas;
    const from = offsets[layer * experts + expert];
    const to = offsets[layer * experts + expert + 1];
    if (from === to) return;
    let left = parts;
    for (let i = from; i < to; i++) {
      const slot = slots[i];
      const quota = parts * this.#shares.values[layer * counts.length + slot];
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
      this.#excess[gpuOfSlot(topology, slot)] += tokens * (this.#isRaised[slot] - this.#remainder[slot]);
    }
  }

  /** Moves the expert's parts to where fewer tokens are in excess; returns whether any moved. */
  #level(layer: number, expert: number, tokens: number): boolean {
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
      let least = excess[here] - tokens * (1 + LEAST_GAIN);
      for (let j = offsets[row]; j < offsets[row + 1]; j++) {
        const slot = slots[j];
        const there = gpuOfSlot(topology, slot);
        if (this.#isRaised[slot] === 1 || this.#remainder[slot] <= NO_PART || excess[there] >= least)
          continue;
        best = slot;
        least = excess[there];
      }
      if (best < 0) continue;
      excess[here] -= tokens;
      excess[gpuOfSlot(topology, best)] += tokens;
      counts[slots[i]]--;
      counts[best]++;
      this.#isRaised[slots[i]] = 0;
      this.#isRaised[best] = 1;
      moved = true;
    }
    return moved;
  }
}
