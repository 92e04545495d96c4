import { LayerFlow } from "../../core/shares/layer-flow.ts";
import { rankTable } from "../../core/tables/rank-table.ts";
import { staticTable } from "../../core/tables/static-table.ts";
import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import { Rng } from "../../lib/rng.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import type { Placement } from "../../model/placement.ts";
import type { RankTable } from "../../model/rank-table.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** Splits a layer's tokens of each expert over its slots. */
export interface CountSplit {
  /**
   * @param counts `[experts]` of the layer
   * @param from   `[ranks]`: tokens that each rank has in the step
   * @param parts  `[slots]`, written: the part of its expert's tokens that each slot gets
   */
  split(layer: number, counts: Float64Array, from: Float64Array, parts: Float64Array): void;
}

/**
 * How a dispatch splits an expert's tokens, as far as counts tell: every rank's tokens choose alike.
 * @param seed as `replicaChooser` gets it
 */
export function countSplit(dispatch: DispatchPolicy, map: ReplicaMap, seed: number): CountSplit {
  const { placement, replicas, shares } = map;
  switch (dispatch) {
    case "priced":
    case "activation":
      return levelled(map);
    case "even":
      return byShares(placement, shares.values);
    case "table":
      return byTable(rankTable(map));
    case "static":
      return byTable(staticTable(placement, replicas, new Rng(seed)));
    case "random":
      return evenly(map);
  }
}

/** The least maximum there is for the batch's own counts, which priced dispatch comes within a few selections of. */
function levelled(map: ReplicaMap): CountSplit {
  const gpus = gpuCount(map.placement.topology);
  const flow = new LayerFlow(map.placement, map.replicas, new Float64Array(gpus).fill(1));
  const prices = new Float64Array(gpus);
  return { split: (layer, counts, _, parts) => flow.solve(layer, counts, parts, prices, map.shares.values) };
}

/** @param values `[layers][slots]` */
function byShares({ topology }: Placement, values: ReadonlyNumbers): CountSplit {
  const slots = slotCount(topology);
  return {
    split: (layer, _, _from, parts) => {
      for (let slot = 0; slot < slots; slot++) parts[slot] = values[layer * slots + slot];
    },
  };
}

/** Each rank's tokens go where its table says. */
function byTable({ layers, experts, slots }: RankTable): CountSplit {
  return {
    split: (layer, _, from, parts) => {
      parts.fill(0);
      const total = from.reduce((sum, tokens) => sum + tokens, 0);
      for (let rank = 0; rank < from.length; rank++) {
        if (from[rank] === 0) continue;
        const part = from[rank] / total;
        const row = (rank * layers + layer) * experts;
        for (let expert = 0; expert < experts; expert++) {
          const slot = slots[row + expert];
          if (slot >= 0) parts[slot] += part;
        }
      }
    },
  };
}

function evenly({ placement, replicas }: ReplicaMap): CountSplit {
  const { offsets, slots } = replicas;
  const { experts } = placement;
  return {
    split: (layer, counts, _, parts) => {
      for (let expert = 0; expert < counts.length; expert++) {
        const from = offsets[layer * experts + expert];
        const to = offsets[layer * experts + expert + 1];
        for (let i = from; i < to; i++) parts[slots[i]] = 1 / (to - from);
      }
    },
  };
}
