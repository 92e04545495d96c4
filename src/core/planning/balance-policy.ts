import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";

/** A whole way of balancing: how experts are placed, how their tokens are shared and how they are dispatched. */
export interface BalancePolicy {
  readonly name: "none" | "eplb" | "plimsoll";
  /** For a person. */
  readonly title: string;
  /** `contiguous`: one copy of every expert, in order, for good; the others use redundant slots and follow the load. */
  readonly placement: "contiguous" | "eplb" | "plimsoll";
  /** Who gets the placements, and judges them. */
  readonly consumer: ConsumerDispatch;
  /** How the modelled pool dispatches. */
  readonly dispatch: DispatchPolicy;
  /** Whether a new placement has to win more than its moves lose; else it is taken whatever comes out. */
  readonly weighsMoves: boolean;
  /** New shares are taken only when they are predicted to win this much balancedness. */
  readonly leastShareGain: number;
  /** Whether a change of the load asks for a placement before its time. */
  readonly replansEarly: boolean;
}

export const BALANCE_POLICIES: Readonly<Record<BalancePolicy["name"], BalancePolicy>> = {
  none: {
    name: "none",
    title: "no redundancy",
    placement: "contiguous",
    consumer: "even",
    dispatch: "even",
    weighsMoves: true,
    leastShareGain: 0,
    replansEarly: false,
  },
  /** DeepSeek's EPLB as engines run it: re-placed at every interval, whatever it moves. */
  eplb: {
    name: "eplb",
    title: "EPLB, even shares",
    placement: "eplb",
    consumer: "even",
    dispatch: "even",
    weighsMoves: false,
    leastShareGain: 0,
    replansEarly: false,
  },
  plimsoll: {
    name: "plimsoll",
    title: "Plimsoll",
    placement: "plimsoll",
    consumer: "priced",
    dispatch: "priced",
    weighsMoves: true,
    leastShareGain: 0.005,
    replansEarly: true,
  },
};

/** Plimsoll's policy for an engine that dispatches so. */
export function policyFor(consumer: ConsumerDispatch): BalancePolicy {
  return { ...BALANCE_POLICIES.plimsoll, consumer };
}
