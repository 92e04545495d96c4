import type { Filter } from "../plug-in.ts";

/** Keeps requests from shards that cannot serve. */
export const ready: Filter = {
  reason: "not_ready",
  exclude(_request, shards, eligible) {
    for (let shard = 0; shard < shards.count; shard++) eligible[shard] &= shards.ready[shard];
  },
};
