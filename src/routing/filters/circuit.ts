import type { Candidates, Filter } from "../plug-in.ts";

/** Keeps requests from shards whose circuit is open or that are ejected as outliers. */
export const circuit: Filter<Candidates, unknown> = {
  reason: "circuit_open",
  exclude(_request, { admitting, count }, eligible) {
    for (let shard = 0; shard < count; shard++) eligible[shard] &= admitting[shard];
  },
};
