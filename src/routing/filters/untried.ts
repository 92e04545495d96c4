import type { Filter } from "../plug-in.ts";
import type { RoutableRequest } from "../routable-request.ts";

/** Keeps a request from shards that have failed it. */
export const untried: Filter<unknown, Pick<RoutableRequest, "tried">> = {
  reason: "all_tried",
  exclude({ tried }, _shards, eligible) {
    for (const shard of tried) eligible[shard] = 0;
  },
};
