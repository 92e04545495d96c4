import { adaptEven } from "../../placement/even/adapt-even.ts";
import { placeEven } from "../../placement/even/place-even.ts";
import { evenShares } from "../../shares/even-shares.ts";
import type { Consumer } from "./consumer.ts";

/** Every slot of an expert gets as much as the others: EPLB's problem. */
export const even: Consumer = {
  dispatch: "even",
  follows: false,
  split: ({ placement, replicas }) => evenShares(placement, replicas),
  place: ({ load, topology, capacity, groups }) => placeEven(load, topology, capacity, groups),
  improve: ({ placement, load, topology, capacity, groups }, most) =>
    adaptEven(placement, load, topology, capacity, groups, most).placement,
  level: ({ placement, load, topology, capacity, groups }) =>
    adaptEven(placement, load, topology, capacity, groups, null),
};
