/** How good a placement with its shares is on the load it was made for, and how good any could be. */
export interface Certificate {
  /** Σ_layers mean / Σ_layers max GPU load; 1 when nothing is loaded. */
  readonly balancedness: number;
  /** No placement and no shares on this topology reach a higher balancedness: Σ_layers mean / Σ_layers bound. */
  readonly bound: number;
  /** bound − balancedness. */
  readonly gap: number;
  readonly layers: readonly LayerCertificate[];
}

/** In the load's own unit, per GPU. */
export interface LayerCertificate {
  readonly max: number;
  readonly mean: number;
  /** A lower bound on the maximum. */
  readonly bound: number;
}
