import type { Filter } from "../plug-in.ts";

/** Keeps a request from shards that have failed it. */
export const untried: Filter = {
  reason: "all_tried",
  close({ tried }, _shards, open) {
    for (const shard of tried) open[shard] = 0;
  },
};
