/** What `GET /ep/v1/events` sends, as far as this page reads it (the gateway's own: src/model/pool-report.ts). */

interface Topology {
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
}

interface RankState {
  readonly running: number;
  readonly waiting: number;
  /** Fraction of the key-value cache in use, 0..1. */
  readonly kvUse: number;
}

/** A pool's last second, as `history` keeps it. */
export interface PoolSample {
  readonly pool: string;
  readonly model: string;
  /** Wall-clock milliseconds since 1970. */
  readonly atMs: number;
  readonly topology: Topology;
  readonly epoch: number;
  readonly layers: number;
  readonly experts: number;
  readonly tokensPerSecond: number;
  /** Σ mean / Σ max GPU load over steps and layers, 0..1; null when nothing was forwarded. */
  readonly balancedness: number | null;
  /** Per token and layer; null when nothing was forwarded. */
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly stepMs: number | null;
  /** `[gpus]`, relative to the mean GPU. */
  readonly gpuLoad: readonly number[];
  readonly ranks: readonly RankState[];
  /** Since the pool's start. */
  readonly movedSlots: number;
  readonly decision: string;
}

/** Event `report`. */
export interface PoolReport extends PoolSample {
  /** `[layers]`: the layer of the model that each row of the load is of; empty where that is not known. */
  readonly layerNumbers: readonly number[];
  /** `[layers][experts]`, relative to an expert's fair part. */
  readonly expertLoad: readonly (readonly number[])[];
}

/** Event `epoch`. */
export interface EpochReport {
  readonly pool: string;
  readonly epoch: number;
  readonly kind: "placement" | "shares";
  readonly reason: string;
  /** Wall-clock milliseconds since 1970. */
  readonly atMs: number;
  readonly movedSlots: number;
  readonly movedBytes: number;
}

/** Event `traffic`: what the gateway measured, over all pools. */
export interface TrafficReport {
  readonly atMs: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly failed: number;
  readonly requestsPerSecond: number;
  readonly framesPerSecond: number;
  readonly ttftMs: Percentiles | null;
  readonly itlMs: Percentiles | null;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

/** Event `gone`: the gateway has the pool no more. */
export interface PoolGone {
  readonly pool: string;
}

/** Event `simulation`: what was done to a pool that is simulated in the gateway's process. */
export interface SimulationReport {
  readonly pool: string;
  /** What the gateway's process makes for it, in parts of what it began with; null where that is nothing. */
  readonly traffic: { readonly factor: number; readonly most: number } | null;
  /** How often the traffic has turned to other experts at once. */
  readonly shifts: number;
  /** GPUs that were stopped, ascending. */
  readonly lost: readonly number[];
}

/** Event `history`, first on every connection. */
export interface History {
  readonly epochs: readonly EpochReport[];
  readonly reports: readonly PoolSample[];
  /** As they are now. */
  readonly simulations: readonly SimulationReport[];
}
