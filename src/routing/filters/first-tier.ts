import type { Candidates, Filter } from "../plug-in.ts";

/** Keeps requests from shards of a later tier, while one of an earlier tier may serve them. It comes last. */
export const firstTier: Filter<Candidates, unknown> = {
  reason: "not_ready",
  exclude(_request, { count, tier }, eligible) {
    let first = Number.POSITIVE_INFINITY;
    for (let shard = 0; shard < count; shard++)
      if (eligible[shard] === 1 && tier[shard] < first) first = tier[shard];
    for (let shard = 0; shard < count; shard++) if (tier[shard] > first) eligible[shard] = 0;
  },
};
