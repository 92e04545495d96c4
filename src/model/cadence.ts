/** How often the two time scales of balancing come round, ms. Each tracks load with its own interval as the half-life. */
export interface Cadence {
  /** Which fraction of an expert's tokens each replica gets. */
  readonly sharesMs: number;
  /** Which experts have replicas, and where. */
  readonly placementMs: number;
}
