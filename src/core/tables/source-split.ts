import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import { exchangeUnits } from "../../model/pool-exchange.ts";
import type { Placement } from "../../model/placement.ts";
import type { SplitReplicas } from "../../model/replica-map.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import { rankTable } from "./rank-table.ts";

/** Larger tables of one replica for every source rank take too long to make: that of 64 ranks of DeepSeek-V3 is below it. */
const LARGEST_TABLE = 1 << 20;

/** The replica of an expert that a rank sends its tokens to: a place in ReplicaIndex.slots; −1 where it spreads them. */
type ChosenAt = (rank: number, row: number) => number;

/** Where the tokens of a source rank go, as far as its counts tell. */
export class SourceSplit {
  readonly #map: SplitReplicas;
  readonly #chosenAt: ChosenAt | null;
  /** By place in ReplicaIndex.slots: its GPU, and its part of what is spread. */
  readonly #gpuAt: Int32Array;
  readonly #partAt: Float32Array;
  readonly #unitOf: Int32Array;
  /** `[gpus]`, of one call. */
  readonly #sent: Float64Array;

  /** @param chosenAt null where every rank spreads an expert's tokens by the shares */
  constructor(map: SplitReplicas, chosenAt: ChosenAt | null) {
    const { placement, replicas, shares } = map;
    const { layers, experts, topology } = placement;
    const width = slotCount(topology);
    const { offsets, slots } = replicas;
    this.#map = map;
    this.#chosenAt = chosenAt;
    this.#gpuAt = Int32Array.from(slots, (slot) => gpuOfSlot(topology, slot));
    this.#partAt = new Float32Array(slots.length);
    for (let row = 0; row < layers * experts; row++) {
      const first = Math.floor(row / experts) * width;
      const [from, to] = [offsets[row], offsets[row + 1]];
      for (let at = from; at < to; at++)
        this.#partAt[at] = chosenAt === null ? shares.values[first + slots[at]] : 1 / (to - from);
    }
    this.#unitOf = exchangeUnits(topology).unitOf;
    this.#sent = new Float64Array(gpuCount(topology));
  }

  /**
   * @param counts `[layers][experts]`: what the rank's own tokens selected
   * @param into   `[units]` (`exchangeUnits`): selections by destination, added to
   * @param gpus   `[gpus]`: the same; or empty
   * @returns of them, those of experts on the rank itself
   */
  add(rank: number, counts: ReadonlyNumbers, into: Float32Array, gpus: Float32Array): number {
    const { offsets } = this.#map.replicas;
    const gpuAt = this.#gpuAt;
    const partAt = this.#partAt;
    const chosenAt = this.#chosenAt;
    const sent = this.#sent.fill(0);
    for (let row = 0; row < counts.length; row++) {
      const count = counts[row];
      if (count === 0) continue;
      const from = offsets[row];
      const to = offsets[row + 1];
      const at = chosenAt === null || to - from < 2 ? -1 : chosenAt(rank, row);
      if (at >= 0) sent[gpuAt[at]] += count;
      else for (let i = from; i < to; i++) sent[gpuAt[i]] += count * partAt[i];
    }
    for (let gpu = 0; gpu < sent.length; gpu++) into[this.#unitOf[gpu]] += sent[gpu];
    for (let gpu = 0; gpu < gpus.length; gpu++) gpus[gpu] += sent[gpu];
    return sent[rank];
  }
}

/** Whether counts and shares tell where a rank's tokens go: `priced` decides for every batch, and a table may be too large. */
export function tellsDestinations(
  dispatch: ConsumerDispatch,
  { layers, experts, topology }: Pick<Placement, "layers" | "experts" | "topology">,
): boolean {
  if (dispatch === "rank-table") return gpuCount(topology) * layers * experts <= LARGEST_TABLE;
  return dispatch !== "priced";
}

/** How a consumer's dispatch splits what a source rank sends; null where that cannot be told. */
export function sourceSplit(dispatch: ConsumerDispatch, map: SplitReplicas): SourceSplit | null {
  if (!tellsDestinations(dispatch, map.placement)) return null;
  switch (dispatch) {
    case "shares":
    case "even":
      return new SourceSplit(map, null);
    case "static":
      return new SourceSplit(map, nearFirst(map));
    case "rank-table":
      return new SourceSplit(map, byTable(map));
    case "priced":
      return null;
  }
}

/**
 * SGLang's `static`, as `staticTable` has it: the replica on the rank, else the first in its node where some are
 * elsewhere. Ranks that are left are dealt out over all replicas, in an order that only the engine knows: here each
 * counts as spread over them.
 */
function nearFirst({ placement: { topology }, replicas: { offsets, slots } }: SplitReplicas): ChosenAt {
  const { slotsPerGpu, gpusPerNode } = topology;
  const slotsPerNode = slotsPerGpu * gpusPerNode;
  return (rank, row) => {
    const node = Math.floor(rank / gpusPerNode);
    let inNode = -1;
    let elsewhere = false;
    for (let at = offsets[row]; at < offsets[row + 1]; at++) {
      if (Math.floor(slots[at] / slotsPerGpu) === rank) return at;
      if (Math.floor(slots[at] / slotsPerNode) !== node) elsewhere = true;
      else if (inNode < 0) inNode = at;
    }
    return elsewhere ? inNode : -1;
  };
}

/** The table that is made of the shares: replicas near each rank as far as these allow. */
function byTable(map: SplitReplicas): ChosenAt {
  const { layers, experts } = map.placement;
  const stride = layers * experts;
  const { offsets, slots } = map.replicas;
  const table = rankTable(map).slots;
  return (rank, row) => {
    const slot = table[rank * stride + row];
    for (let at = offsets[row]; at < offsets[row + 1]; at++) if (slots[at] === slot) return at;
    return -1;
  };
}
