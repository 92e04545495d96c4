import type { ConsumerDispatch } from "./consumer-dispatch.ts";

/** How good a placement with its shares is on the load it was made for, and how good any could be. */
export interface Certificate {
  /** How tokens are taken to be split over replicas: `balancedness` and `max` are what comes of that. */
  readonly dispatch: ConsumerDispatch;
  /** Σ_layers mean / Σ_layers max GPU load; 1 when nothing is loaded. */
  readonly balancedness: number;
  /** No placement and no shares on this topology reach a higher balancedness: Σ_layers mean / Σ_layers bound. */
  readonly bound: number;
  /** bound − balancedness. */
  readonly gap: number;
  readonly layers: readonly LayerCertificate[];
}

/** GPU load / speed, in the load's own unit. */
export interface LayerCertificate {
  readonly max: number;
  readonly mean: number;
  /** A lower bound on the maximum, whatever the placement and the shares. */
  readonly bound: number;
  /** What the bound rests on. */
  readonly kind: BoundKind;
  /** max / bound − 1. */
  readonly gap: number;
}

/**
 * - `mean`: all load over all GPUs;
 * - `reach`: the hottest experts, with every redundant slot among them, reach only so many GPUs;
 * - `crowding`: so many experts with one copy only cannot all have GPUs of their own;
 * - `filling`: without redundant slots, the heaviest expert's GPU holds others too.
 */
export const BOUND_KINDS = ["mean", "reach", "crowding", "filling"] as const;

export type BoundKind = (typeof BOUND_KINDS)[number];
