import type { Scorer } from "../plug-in.ts";
import type { PoolStates } from "./pool-states.ts";

/** What is in flight and waits in a pool, by its size: see `PoolStates.load`. */
export const relativeLoad: Scorer<PoolStates, unknown> = {
  name: "relative-load",
  add(_request, { count, load }, weight, cost) {
    for (let pool = 0; pool < count; pool++) cost[pool] += weight * load[pool];
  },
};
