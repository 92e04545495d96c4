import type { BalancePolicyName } from "../../model/balance-policy-name.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";

/** A whole way of balancing: how experts are placed, how their tokens are shared and how they are dispatched. */
export interface BalancePolicy {
  readonly name: BalancePolicyName;
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

/** The policies by name: what pools are balanced by, and compared with. */
export const BALANCE_POLICIES: Readonly<Record<BalancePolicyName, BalancePolicy>> = {
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

/** How the modelled pool dispatches as such an engine does: `even` and `shares` deal out by the shares in force. */
const DISPATCH_OF: Readonly<Record<ConsumerDispatch, DispatchPolicy>> = {
  shares: "even",
  even: "even",
  static: "static",
  "rank-table": "table",
  priced: "priced",
};

/**
 * A way of balancing for engines that dispatch so, whoever places their experts: Plimsoll's placements are made for that
 * dispatch and judged by it, EPLB's are what they are.
 * @param dispatch null for the policy's own
 */
export function policyBy(name: BalancePolicyName, dispatch: ConsumerDispatch | null): BalancePolicy {
  const policy = BALANCE_POLICIES[name];
  if (dispatch === null || policy.placement === "contiguous") return policy;
  const consumer = policy.placement === "plimsoll" ? dispatch : policy.consumer;
  const title = `${policy.title.replace(", even shares", "")}, ${dispatch}`;
  return { ...policy, title, consumer, dispatch: DISPATCH_OF[dispatch] };
}
