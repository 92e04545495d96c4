import type { Filter } from "../plug-in.ts";

/** Keeps a request from shards that do not serve its model. */
export const model: Filter = {
  reason: "no_such_model",
  close(request, { models, count }, open) {
    for (let shard = 0; shard < count; shard++) {
      if (models[shard]?.has(request.model) === false) open[shard] = 0;
    }
  },
};
