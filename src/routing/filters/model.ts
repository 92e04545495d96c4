import type { Filter } from "../plug-in.ts";

/** Keeps a request from shards that do not serve its model. */
export const model: Filter = {
  reason: "no_such_model",
  exclude(request, { models, count }, eligible) {
    for (let shard = 0; shard < count; shard++) {
      if (models[shard]?.has(request.model) === false) eligible[shard] = 0;
    }
  },
};
