import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { NodeShares } from "../../routing/locality/node-shares.ts";
import type { SignatureShape } from "../../routing/locality/signature-shape.ts";
import type { ServingPool } from "../serving-pool.ts";

/** Node hops of a request's tokens where it was sent, and where it would have gone; null where that is not known. */
export interface NodeHops {
  readonly at: number | null;
  readonly would: number | null;
}

export const UNKNOWN_HOPS: NodeHops = { at: null, would: null };

/** What tokens travel in pools, by the placement and shares that each has in force. */
export class PoolHops {
  readonly #shape: SignatureShape;
  /** Made once for each. */
  readonly #shares = new WeakMap<RoutingSnapshot, NodeShares>();

  constructor(shape: SignatureShape) {
    this.#shape = shape;
  }

  /** @param routing at the shape's layers */
  of(at: ServingPool, would: ServingPool, routing: RoutingTrace): NodeHops {
    const went = this.#in(at, routing);
    return { at: went, would: would === at ? went : this.#in(would, routing) };
  }

  #in({ current: { snapshot } }: ServingPool, routing: RoutingTrace): number | null {
    if (snapshot === null) return null;
    const { layers } = this.#shape;
    const { placement, shares } = snapshot;
    const { topology, experts, physicalToLogical: expertOf } = placement;
    if (experts !== this.#shape.experts || layers[layers.length - 1] >= placement.layers) return null;
    let own = this.#shares.get(snapshot);
    if (own === undefined) {
      own = new NodeShares({ topology, experts, expertOf, shares: shares.values }, layers);
      this.#shares.set(snapshot, own);
    }
    return own.hopsOf(routing);
  }
}
