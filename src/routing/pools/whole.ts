import type { Filter } from "../plug-in.ts";
import type { PoolStates } from "./pool-states.ts";

/** Keeps requests from pools that lack experts, while another can serve. */
export const whole: Filter<PoolStates, unknown> = {
  reason: "not_ready",
  exclude(_request, { count, admitting }, eligible) {
    if (!eligible.some((one, pool) => one === 1 && admitting[pool] === 1)) return;
    for (let pool = 0; pool < count; pool++) eligible[pool] &= admitting[pool];
  },
};
