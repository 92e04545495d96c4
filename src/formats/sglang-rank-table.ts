import type { RankTable } from "../model/rank-table.ts";
import { gpuCount } from "../model/topology.ts";
import { type LayerNumbers, consecutive } from "../model/layer-numbers.ts";
import { nest } from "./json.ts";
import { forEveryLayer } from "./layer-list.ts";

/**
 * A rank table as SGLang builds it for `--ep-dispatch-algorithm static`: nested lists `[ranks][layers][experts]` of
 * physical experts, what its `compute_logical_to_rank_dispatch_physical_map` (srt/eplb/expert_location.py, 0.5.23) cuts
 * one rank from. SGLang reads no such file; a function in that one's place returns `torch.tensor(table[ep_rank])`.
 *
 * @param numbers which layer each row is of
 * @param all     layers of the model; rows without experts fit the map that writeSglangMap has there: expert e on slot e
 */
export function writeSglangRankTable(
  { layers, experts, topology, slots }: RankTable,
  numbers: LayerNumbers,
  all: number,
): string {
  const inTurn = consecutive(0, experts);
  const ranks = Array.from({ length: gpuCount(topology) }, (_, rank) => {
    const rows = nest(slots.subarray(rank * layers * experts, (rank + 1) * layers * experts), experts);
    return forEveryLayer<readonly number[]>(rows, numbers, all, () => inTurn);
  });
  return `${JSON.stringify(ranks)}\n`;
}
