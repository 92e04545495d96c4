import type { Attributes } from "@opentelemetry/api";
import type { RoutingScores } from "../../routing/routing-scores.ts";
import type { Shard } from "../../serving/engine.ts";

/** The chosen shard and so many others, less one, have their scores in an event. */
const MOST_CANDIDATES = 8;

/**
 * How a shard was chosen, as attributes: lists have a place for each candidate, the chosen one first. Costs are in tokens
 * of prefill work.
 */
export function routingAttributes(scores: RoutingScores, shards: readonly Shard[]): Attributes {
  const candidates = scores.candidates(MOST_CANDIDATES);
  const [chosen] = candidates;
  if (chosen === undefined) return { "plimsoll.routing.eligible": 0 };
  const attributes: Attributes = {
    "plimsoll.routing.policy": scores.policy ?? "",
    "plimsoll.routing.shards": scores.shards,
    "plimsoll.routing.eligible": scores.eligible,
    "plimsoll.routing.chosen": shards[chosen.shard].id,
    "plimsoll.routing.candidates": candidates.map(({ shard }) => shards[shard].id),
    "plimsoll.routing.costs": candidates.map(({ cost }) => cost),
  };
  for (const [i, scorer] of scores.scorers.entries())
    attributes[`plimsoll.routing.score.${scorer}`] = candidates.map((candidate) => candidate.scores[i]);
  return attributes;
}
