import type { Filter } from "../plug-in.ts";

/** Keeps requests from shards that have as many as they may, those of other gateways included. */
export const capacity: Filter = {
  reason: "at_capacity",
  exclude(_request, shards, eligible) {
    for (let shard = 0; shard < shards.count; shard++) {
      const most = shards.maxRequests[shard];
      if (most > 0 && shards.requestsNow(shard) >= most) eligible[shard] = 0;
    }
  },
};
