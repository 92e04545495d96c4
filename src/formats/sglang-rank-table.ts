import type { RankTable } from "../model/rank-table.ts";
import { gpuCount } from "../model/topology.ts";
import { nest } from "./json.ts";

/**
 * A rank table as SGLang builds it for `--ep-dispatch-algorithm static`: nested lists `[ranks][layers][experts]` of
 * physical experts, what its `compute_logical_to_rank_dispatch_physical_map` (srt/eplb/expert_location.py, 0.5.23) cuts
 * one rank from. SGLang reads no such file; a function in that one's place returns `torch.tensor(table[ep_rank])`.
 *
 * @param denseLayers leading layers without experts; their rows fit the map that SGLang gives them: expert e on slot e
 */
export function writeSglangRankTable(
  { layers, experts, topology, slots }: RankTable,
  denseLayers: number,
): string {
  const dense = Array.from({ length: denseLayers }, () =>
    Array.from({ length: experts }, (_, expert) => expert),
  );
  const ranks = Array.from({ length: gpuCount(topology) }, (_, rank) => [
    ...dense,
    ...nest(slots.subarray(rank * layers * experts, (rank + 1) * layers * experts), experts),
  ]);
  return `${JSON.stringify(ranks)}\n`;
}
