import { type ExpertLoad, emptyLoad } from "../../model/load.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens of a part: a few requests' worth, so that parts differ as batches do. */
export const PART_TOKENS = 2048;
const MOST_PARTS = 64;

/**
 * The loads of consecutive, equally long parts of a routing trace, 64 at most; none where the trace is too short to be
 * parted.
 * @param layers of the loads: layer l reads layer l mod the trace's
 */
export function partLoads(trace: RoutingTrace, layers: number, experts: number): ExpertLoad[] {
  const count = Math.min(MOST_PARTS, Math.floor(trace.tokens / PART_TOKENS));
  if (count < 2) return [];
  return Array.from({ length: count }, (_, part) => {
    const first = Math.floor((part * trace.tokens) / count);
    const end = Math.floor(((part + 1) * trace.tokens) / count);
    return loadOfTokens(trace, first, end, layers, experts);
  });
}

function loadOfTokens(
  { layers: traceLayers, topk, experts: ids }: RoutingTrace,
  first: number,
  end: number,
  layers: number,
  experts: number,
): ExpertLoad {
  const load = emptyLoad(layers, experts);
  for (let layer = 0; layer < layers; layer++) {
    const column = (layer % traceLayers) * topk;
    for (let token = first; token < end; token++) {
      const from = token * traceLayers * topk + column;
      for (let i = from; i < from + topk; i++) if (ids[i] >= 0) load.tokens[layer * experts + ids[i]]++;
    }
  }
  return load;
}
