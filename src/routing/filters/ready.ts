import type { Filter } from "../plug-in.ts";

/** Keeps requests from shards that cannot serve. */
export const ready: Filter = {
  reason: "not_ready",
  close(_request, shards, open) {
    for (let shard = 0; shard < shards.count; shard++) open[shard] &= shards.ready[shard];
  },
};
