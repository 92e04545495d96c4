/**
 * The ways of balancing that are compared.
 * - `none`: one replica of every expert, in order;
 * - `eplb`: DeepSeek's EPLB as engines run it: re-placed at every interval, even shares;
 * - `plimsoll`: placements and shares of this project.
 */
export const BALANCE_POLICY_NAMES = ["none", "eplb", "plimsoll"] as const;

export type BalancePolicyName = (typeof BALANCE_POLICY_NAMES)[number];
