import type { SplitReplicas } from "../../model/replica-map.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";
import { EntrySeats } from "./entry-seats.ts";
import { RankSenders } from "./rank-senders.ts";
import { WholeParts } from "./whole-parts.ts";

/** What is known of the tokens that tables are for. */
export interface EntryTokens {
  /**
   * `[ranks][layers][experts]`: expected of every source rank. Default: the ranks in service send every expert alike;
   * so they do an expert of which none sends any.
   */
  readonly ranks?: Float64Array | undefined;
  /** `[layers][experts]`, so that rounding levels the GPUs. Default: what the ranks send, else all experts alike. */
  readonly load?: Float64Array | undefined;
}

/**
 * Tables whose entries carry the shares: of the entries that every source rank has for an expert, how many list each of
 * its slots. An engine takes the entry `hash(token) mod entries`, so that a slot which is listed several times gets
 * that many parts of the rank's tokens.
 *
 * For ranks that send an expert alike, all their entries together list every slot its share of them rounded up or down;
 * which of the two is levelled over the GPUs (WholeParts). With that, the tokens make the fewest node hops, then rank
 * hops, expert by expert (EntrySeats). For ranks that do not, a slot's tokens are seldom further from its share than an
 * entry of the rank that sends most of the expert.
 *
 * @param entries of every rank and expert, 1 to 65,535
 * @returns `[ranks][layers][slots]`: for every rank, in service or not, an expert's slots have `entries` together; an
 *   expert without a replica has none
 */
export function entryCounts(map: SplitReplicas, entries: number, tokens: EntryTokens = {}): Uint16Array {
  const { layers, experts, topology } = map.placement;
  const ranks = gpuCount(topology);
  const counts = new Uint16Array(ranks * layers * slotCount(topology));
  const senders = new RankSenders(map.placement, tokens.ranks);
  const parts = new Int32Array(experts);
  const partTokens = new Float64Array(experts);
  const wholeParts = new WholeParts(map);
  const seats = new EntrySeats(map, entries, counts);
  for (let layer = 0; layer < layers; layer++) {
    for (let expert = 0; expert < experts; expert++) {
      const row = layer * experts + expert;
      senders.weigh(row);
      parts[expert] = senders.count * entries;
      partTokens[expert] = (tokens.load === undefined ? senders.sent : tokens.load[row]) / parts[expert];
    }
    wholeParts.apportion(layer, parts, partTokens);
    for (let expert = 0; expert < experts; expert++) {
      senders.weigh(layer * experts + expert);
      seats.assign(layer, expert, wholeParts.counts, senders.weights);
    }
  }
  return counts;
}

/**
 * One table for all ranks, as engines need it where ranks must choose alike (SGLang without an all-to-all backend).
 * @param load `[layers][experts]`, so that rounding levels the GPUs; default: all experts alike
 * @returns `[layers][slots]`: the slot's share of the entries rounded up or down
 */
export function sameEntryCounts(map: SplitReplicas, entries: number, load?: Float64Array): Uint16Array {
  const { layers, experts, topology } = map.placement;
  const width = slotCount(topology);
  const counts = new Uint16Array(layers * width);
  const parts = new Int32Array(experts).fill(entries);
  const partTokens = new Float64Array(experts).fill(1);
  const wholeParts = new WholeParts(map);
  for (let layer = 0; layer < layers; layer++) {
    if (load !== undefined) {
      for (let expert = 0; expert < experts; expert++)
        partTokens[expert] = load[layer * experts + expert] / entries;
    }
    wholeParts.apportion(layer, parts, partTokens);
    for (let slot = 0; slot < width; slot++) {
      if (map.placement.physicalToLogical[layer * width + slot] >= 0) {
        counts[layer * width + slot] = wholeParts.counts[slot];
      }
    }
  }
  return counts;
}
