import type { Filter } from "../plug-in.ts";

/** Keeps a request that names its rank from every other. */
export const pinned: Filter = {
  reason: "no_such_rank",
  close({ pinnedRank }, { count }, open) {
    if (pinnedRank < 0) return;
    for (let shard = 0; shard < count; shard++) if (shard !== pinnedRank) open[shard] = 0;
  },
};
