import { improvePlacement, moveBudgets } from "../../placement/improve-placement.ts";
import { placeExperts } from "../../placement/place-experts.ts";
import { solveShares } from "../../shares/solve-shares.ts";
import type { Consumer } from "./consumer.ts";

/** Weighted shares, solved exactly for the load: they follow it without a moved expert. */
export const shares: Consumer = {
  dispatch: "shares",
  follows: true,
  split: ({ placement, replicas, load, speeds, last }) =>
    solveShares(placement, replicas, load, speeds, last),
  place: placeExperts,
  improve: ({ placement, load, capacity }, most) =>
    improvePlacement(placement, load, capacity, moveBudgets(placement, load, capacity, most)),
};
