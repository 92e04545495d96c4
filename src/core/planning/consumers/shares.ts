import { changedSlots } from "../../placement/adapt-placement.ts";
import { groupsTogether } from "../../placement/coactivation.ts";
import { improvePlacement } from "../../placement/improve-placement.ts";
import { placeExperts } from "../../placement/place-experts.ts";
import { solveShares } from "../../shares/solve-shares.ts";
import { redoLayers } from "../redo-layers.ts";
import type { Consumer } from "./consumer.ts";

/** Weighted shares, solved exactly for the load: they follow it without a moved expert. */
export const shares: Consumer = {
  dispatch: "shares",
  follows: true,
  split: ({ placement, replicas, load, speeds, last }) =>
    solveShares(placement, replicas, load, speeds, last),
  place: placeExperts,
  improve({ placement, load, topology, capacity, groups }, most) {
    const adapted = improvePlacement(placement, load, capacity, most);
    const moves = Math.max(0, most - changedSlots(placement, adapted));
    const coactivation = groupsTogether(groups, topology);
    return redoLayers({ inForce: placement, adapted, load, capacity, moves }, (some) =>
      placeExperts({ load: some, topology, capacity, coactivation }),
    );
  },
};
