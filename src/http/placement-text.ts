import type { PoolView } from "../control/follow/pool-view.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import { gpuCount, slotCount } from "../model/topology.ts";
import { HttpError } from "./errors.ts";

/** An answer as JSON, with the tag that changes when it does. */
export interface Tagged {
  readonly tag: string;
  readonly text: string;
}

/** Many ranks ask for the same: it is written once. */
export class WrittenOnce {
  #last: Tagged = { tag: "", text: "" };

  /** @param write is called when the tag is another than the last */
  of(tag: string, write: () => unknown): Tagged {
    if (this.#last.tag !== tag) this.#last = { tag, text: JSON.stringify(write()) };
    return this.#last;
  }
}

/**
 * What ranks are to hold: what is pending while they are to prepare it, else what is published.
 * @param publishedOnly leaves what is pending out
 */
export function placementTag(
  { snapshot, rollout: { pending, retire } }: PoolView,
  publishedOnly: boolean,
): string {
  if (!publishedOnly && pending?.phase === "prepare")
    return `"${pending.epoch}-pending-${snapshot?.epoch ?? 0}"`;
  return `"${snapshot?.epoch ?? 0}-${retire}"`;
}

/** @throws HttpError before the first epoch */
export function placementBody(view: PoolView, publishedOnly: boolean): unknown {
  const { pool, rollout } = view;
  const { pending, retire } = rollout;
  const snapshot = inForce(view);
  const preparing = !publishedOnly && pending?.phase === "prepare";
  const { epoch, placement } = preparing ? pending : snapshot;
  return {
    pool,
    epoch,
    state: preparing ? "pending" : "published",
    topology: placement.topology,
    ...(preparing ? { layers: pending.layers, published: snapshot.epoch } : {}),
    retire,
    missing: preparing ? [] : snapshot.missing,
    physical_to_logical_map: rows(
      placement.physicalToLogical,
      placement.layers,
      slotCount(placement.topology),
    ),
  };
}

/** @throws HttpError before the first epoch */
export function sharesBody(view: PoolView): unknown {
  const { epoch, placement, shares, missing } = inForce(view);
  return {
    pool: view.pool,
    epoch,
    missing,
    shares: rows(shares.values, placement.layers, slotCount(placement.topology)),
    prices: rows(shares.prices, placement.layers, gpuCount(placement.topology)),
  };
}

/** @throws HttpError before the first epoch */
export function inForce({ pool, snapshot }: PoolView): RoutingSnapshot {
  if (snapshot !== null) return snapshot;
  throw new HttpError("no_epoch", `Pool "${pool}" has no epoch yet: nobody leads it so far.`);
}

/** A strided matrix as nested lists. */
function rows(values: ReadonlyNumbers, count: number, width: number): number[][] {
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, i) => values[row * width + i]),
  );
}
