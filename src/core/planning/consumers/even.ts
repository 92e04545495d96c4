import { eplb } from "../../placement/eplb.ts";
import { evenShares } from "../../shares/even-shares.ts";
import type { Consumer } from "./consumer.ts";

/** Every slot of an expert gets as much as the others: EPLB's problem. */
export const even: Consumer = {
  dispatch: "even",
  follows: false,
  split: ({ placement, replicas }) => evenShares(placement, replicas),
  place: ({ load, topology, groups }) => eplb(load, topology, groups),
  improve: ({ placement }) => placement,
};
