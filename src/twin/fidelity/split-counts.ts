import { LayerFlow } from "../../core/shares/layer-flow.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** Splits a layer's tokens of each expert over its slots. */
export interface CountSplit {
  /**
   * @param counts `[experts]` of the layer
   * @param parts  `[slots]`, written: the part of its expert's tokens that each slot gets
   */
  split(layer: number, counts: Float64Array, parts: Float64Array): void;
}

/** How a dispatch splits an expert's tokens, as far as counts tell. */
export function countSplit(dispatch: DispatchPolicy, map: ReplicaMap): CountSplit {
  switch (dispatch) {
    case "priced":
    case "activation":
      return levelled(map);
    case "table":
      return byShares(map);
    case "even":
    case "static":
    case "random":
      return evenly(map);
  }
}

/** The least maximum there is for the batch's own counts, which priced dispatch comes within a few selections of. */
function levelled(map: ReplicaMap): CountSplit {
  const gpus = gpuCount(map.placement.topology);
  const flow = new LayerFlow(map.placement, map.replicas, new Float64Array(gpus).fill(1));
  const prices = new Float64Array(gpus);
  return { split: (layer, counts, parts) => flow.solve(layer, counts, parts, prices, map.shares.values) };
}

function byShares({ placement, shares }: ReplicaMap): CountSplit {
  const slots = slotCount(placement.topology);
  return {
    split: (layer, _, parts) => {
      for (let slot = 0; slot < slots; slot++) parts[slot] = shares.values[layer * slots + slot];
    },
  };
}

function evenly({ placement, replicas }: ReplicaMap): CountSplit {
  const { offsets, slots } = replicas;
  const { experts } = placement;
  return {
    split: (layer, counts, parts) => {
      for (let expert = 0; expert < counts.length; expert++) {
        const from = offsets[layer * experts + expert];
        const to = offsets[layer * experts + expert + 1];
        for (let i = from; i < to; i++) parts[slots[i]] = 1 / (to - from);
      }
    },
  };
}
