import { type AdaptedEven, adaptEven } from "../../placement/even/adapt-even.ts";
import { placeEven } from "../../placement/even/place-even.ts";
import { evenShares } from "../../shares/even-shares.ts";
import type { Consumer, ToImprove, ToPlace, ToSplit } from "./consumer.ts";

/** Every slot of an expert gets as much as the others: EPLB's problem. */
export const even = {
  dispatch: "even" as const,
  follows: false,
  split: ({ placement, replicas }: ToSplit) => evenShares(placement, replicas),
  place: ({ load, topology, capacity, groups }: ToPlace) => placeEven(load, topology, capacity, groups),
  improve: ({ placement, load, topology, capacity, groups }: ToImprove, most: number) =>
    adaptEven(placement, load, topology, capacity, groups, most).placement,
  /** By as few moves as leave it as level as the engine's own algorithm makes it, or nearly. */
  level: ({ placement, load, topology, capacity, groups }: ToImprove) =>
    adaptEven(placement, load, topology, capacity, groups, null),
} satisfies Consumer & { level: (question: ToImprove) => AdaptedEven };
