import { gpusInService, type Placement } from "../../model/placement.ts";
import type { RankTable } from "../../model/rank-table.ts";
import { gpuCount } from "../../model/topology.ts";
import { RankSeats } from "./rank-seats.ts";
import type { SplitReplicas } from "../../model/replica-map.ts";
import { WholeParts } from "./whole-parts.ts";

/**
 * One fixed replica for every source rank, layer and expert, so that what the replicas get comes as near to their
 * shares as whole ranks allow, what is left over cancels out on each GPU, and the tokens make the fewest node hops,
 * then rank hops.
 *
 * Where the ranks that send an expert send equally much of it, every replica serves its part of them rounded up or down
 * (which of the two is a heuristic, WholeParts), and given these numbers the hops are the least possible
 * (RankSeats). Where they do not, those numbers are in ranks of the mean size, and ranks that send most choose first.
 *
 * Hops are counted expert by expert: which of a token's other experts take it where is not known to a table.
 *
 * @param tokens `[ranks][layers][experts]`: expected of every source rank; a rank that sends none takes the nearest
 */
export function rankTable(map: SplitReplicas, tokens: Float64Array = equalTokens(map.placement)): RankTable {
  const { layers, experts, topology } = map.placement;
  const ranks = gpuCount(topology);
  const table = { layers, experts, topology, slots: new Int32Array(ranks * layers * experts) };
  const senders = new Int32Array(experts);
  const perSender = new Float64Array(experts);
  const wholeParts = new WholeParts(map);
  const seats = new RankSeats(map, tokens, table.slots);
  for (let layer = 0; layer < layers; layer++) {
    senders.fill(0);
    perSender.fill(0);
    for (let rank = 0; rank < ranks; rank++) {
      const first = (rank * layers + layer) * experts;
      for (let expert = 0; expert < experts; expert++) {
        if (tokens[first + expert] === 0) continue;
        senders[expert]++;
        perSender[expert] += tokens[first + expert];
      }
    }
    for (let expert = 0; expert < experts; expert++) perSender[expert] /= Math.max(1, senders[expert]);
    wholeParts.apportion(layer, senders, perSender);
    for (let expert = 0; expert < experts; expert++) {
      seats.assign(layer, expert, wholeParts.counts, perSender[expert]);
    }
  }
  return table;
}

/** `[ranks][layers][experts]`: every rank in service sends one token to every expert. */
function equalTokens(placement: Placement): Float64Array {
  const { layers, experts, topology } = placement;
  const tokens = new Float64Array(gpuCount(topology) * layers * experts);
  for (const rank of gpusInService(placement)) {
    tokens.fill(1, rank * layers * experts, (rank + 1) * layers * experts);
  }
  return tokens;
}
