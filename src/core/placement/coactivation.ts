import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";

/** The hop weight where nobody says another: about the least that saves a tenth of hierarchical EPLB's node hops on 8 nodes. */
export const HOP_WEIGHT = 6;

/** Which experts are used together, and what that counts. */
export interface Coactivation {
  /** Routed tokens of the recent past; layer l of the load reads layer l mod the sample's layers. */
  readonly sample: RoutingTrace;
  /** Expert groups of the gate; divides the experts, 1 = none. */
  readonly groups: number;
  /**
   * What a node hop saved for every token is worth, in mean GPU loads levelled, on a pool of 4 nodes: the one weight
   * between hops and balance. 0 looks at balance alone when it gives out copies.
   */
  readonly hopWeight: number;
}

/** As long as no tokens are known, the gate's groups are: a token's experts are of few groups. */
export const NO_TOKENS: RoutingTrace = { tokens: 0, layers: 1, topk: 1, experts: new Int16Array(0) };

/** What the gate's groups alone say of which experts are used together; null where they say nothing. */
export function groupsTogether(groups: number, { nodes }: Topology): Coactivation | null {
  return nodes === 1 || groups === 1 ? null : { sample: NO_TOKENS, groups, hopWeight: HOP_WEIGHT };
}
