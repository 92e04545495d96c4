import type { Candidates, Filter } from "../plug-in.ts";

/** Keeps requests from shards that cannot serve. */
export const ready: Filter<Candidates, unknown> = {
  reason: "not_ready",
  exclude(_request, shards, eligible) {
    for (let shard = 0; shard < shards.count; shard++) eligible[shard] &= shards.ready[shard];
  },
};
