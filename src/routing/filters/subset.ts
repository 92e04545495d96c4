import type { Filter } from "../plug-in.ts";

/** Keeps a request from shards that the proxy in front does not offer for it. */
export const subset: Filter = {
  reason: "not_in_subset",
  exclude({ among = null }, { count }, eligible) {
    if (among === null) return;
    for (let shard = 0; shard < count; shard++) if (!among.has(shard)) eligible[shard] = 0;
  },
};
