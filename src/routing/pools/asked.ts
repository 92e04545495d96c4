import type { Filter } from "../plug-in.ts";
import type { PoolRequest, PoolStates } from "./pool-states.ts";

/**
 * Where a request's headers ask for pools that can serve it, it is kept from the others; any other request is kept from
 * pools that are to get no part. Comes after the filters that say who can serve.
 */
export const asked: Filter<PoolStates, PoolRequest> = {
  reason: "no_such_model",
  exclude({ asked: wanted }, { count, parts }, eligible) {
    const heard = wanted?.some((one, i) => one === 1 && eligible[i] === 1) === true;
    for (let pool = 0; pool < count; pool++) {
      if (heard ? wanted[pool] === 0 : parts?.[pool] === 0) eligible[pool] = 0;
    }
  },
};
