import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import { type RoutingTrace, thinned } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";

/** Where a pool has its experts. */
export interface PlacedExperts {
  readonly topology: Topology;
  readonly experts: number;
  /** `[layers][slots]`: the expert of each; below 0 for none. */
  readonly expertOf: ReadonlyNumbers;
  /** `[layers][slots]`: the part of its expert's tokens that each gets. */
  readonly shares: ReadonlyNumbers;
}

/** Looked at of an answer. */
const MOST_TOKENS = 64;

/** Which part of each expert's tokens a pool's nodes get, and what its tokens travel by that. */
export class NodeShares {
  readonly #nodes: number;
  readonly #experts: number;
  /** `[layers of signatures][experts][nodes]`: the part of an expert's tokens that do not come to a node. */
  readonly #misses: Float64Array;

  /** @param layers rows of the pool's layers that are looked at */
  constructor({ topology, experts, expertOf, shares }: PlacedExperts, layers: readonly number[]) {
    const { nodes, gpusPerNode, slotsPerGpu } = topology;
    const perNode = gpusPerNode * slotsPerGpu;
    this.#nodes = nodes;
    this.#experts = experts;
    this.#misses = new Float64Array(layers.length * experts * nodes).fill(1);
    for (const [at, layer] of layers.entries()) {
      for (let slot = 0, i = layer * nodes * perNode; slot < nodes * perNode; slot++, i++) {
        if (expertOf[i] < 0) continue;
        const cell = (at * experts + expertOf[i]) * nodes + Math.floor(slot / perNode);
        this.#misses[cell] = Math.max(0, this.#misses[cell] - shares[i]);
      }
    }
  }

  /**
   * Nodes other than its own that a token is sent to in a layer, mean: tokens begin on every node alike, and each of
   * their selections goes by the shares, whatever the others do.
   * @param routing at the layers
   */
  hopsOf(routing: RoutingTrace): number {
    const [nodes, misses] = [this.#nodes, this.#misses];
    if (nodes === 1 || routing.tokens === 0) return 0;
    const { tokens, layers, topk, experts: ids } = thinned(routing, MOST_TOKENS);
    let visits = 0;
    for (let token = 0; token < tokens; token++) {
      for (let layer = 0; layer < layers; layer++) {
        const first = (token * layers + layer) * topk;
        for (let node = 0; node < nodes; node++) {
          let missed = 1;
          for (let k = first; k < first + topk; k++)
            if (ids[k] >= 0) missed *= misses[(layer * this.#experts + ids[k]) * nodes + node];
          visits += 1 - missed;
        }
      }
    }
    return (visits * (1 - 1 / nodes)) / (tokens * layers);
  }
}
