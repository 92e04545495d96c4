import type { Filter } from "../plug-in.ts";

/** Keeps a request that names its rank from every other. */
export const pinned: Filter = {
  reason: "no_such_rank",
  exclude({ pinnedRank }, { count }, eligible) {
    if (pinnedRank < 0) return;
    for (let shard = 0; shard < count; shard++) if (shard !== pinnedRank) eligible[shard] = 0;
  },
};
