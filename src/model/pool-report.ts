import type { BalanceBeside } from "./balance-beside.ts";
import type { SnapshotChange } from "./snapshot.ts";
import type { Topology } from "./topology.ts";

/** What the event stream (`GET /ep/v1/events`) says of one pool, once a second. Plain JSON. */
export interface PoolReport {
  readonly pool: string;
  readonly model: string;
  /** Wall-clock milliseconds since 1970. */
  readonly atMs: number;
  readonly topology: Topology;
  readonly epoch: number;
  readonly layers: number;
  /** `[layers]`: the layer of the model that each row is of; empty where the leader's version does not say. */
  readonly layerNumbers: readonly number[];
  readonly experts: number;
  /** Experts of a token in each layer; 0 where the leader's version does not say. */
  readonly topk: number;
  /** Tokens forwarded per second over the last window. */
  readonly tokensPerSecond: number;
  /** Σ mean / Σ max GPU load over steps and layers of the last window, 0..1; null when nothing was forwarded. */
  readonly balancedness: number | null;
  /** Per token and layer, in the last window; null when nothing was forwarded. */
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  /** Mean modelled step time, ms. */
  readonly stepMs: number | null;
  /**
   * `[layers][experts]`, a row for each layer that routes: the load of late, of which the last ten seconds are half, relative
   * to uniform (1 = an expert's fair part), two decimals.
   */
  readonly expertLoad: readonly (readonly number[])[];
  /** `[gpus]`: load summed over layers relative to the mean of the GPUs in service, three decimals. */
  readonly gpuLoad: readonly number[];
  /** `[gpus]`: the layer in which each has most, as a row, and how many times the mean of the GPUs in service it has there, three decimals. */
  readonly gpuPeak: readonly { readonly layer: number; readonly timesMean: number }[];
  /**
   * `[gpus]`: how much longer a step takes for each, in parts of an even one: what it has above the mean, in the layers
   * in which no GPU has more. They add up to what imbalance costs. Four decimals.
   */
  readonly gpuHolds: readonly number[];
  /**
   * How many slots of each GPU compute anything, of a step and a layer on average: what decode reads. `estimated`: expected
   * of counts, as if the window's steps were alike; else counted. Null where it is not known.
   */
  readonly activated: { readonly perGpu: readonly number[]; readonly estimated: boolean } | null;
  /** `[layers]`: mean over maximum load of the GPUs in service, of the window's sums, 0..1, three decimals; null in a layer without load. */
  readonly layerBalancedness: readonly (number | null)[];
  readonly ranks: readonly { running: number; waiting: number; kvUse: number }[];
  /** When the placement in force was published, wall-clock ms; null where that is not known. */
  readonly placedAtMs: number | null;
  /** Slots moved since the start, and what the planner had decided last, when this was measured, and why. */
  readonly movedSlots: number;
  readonly decision: string;
  /** What it compared to decide: forecast, candidates, predicted gain, cost of moves. Plain JSON; null before. */
  readonly explanation: unknown;
  /** How far a simulated pool has fallen behind the clock since it began, in all: it never catches up. Null of a real one. */
  readonly lagMs: number | null;
  /** What the loads were counted from; null where no rank reports over HTTP. */
  readonly loads: ReportedLoads | null;
  /** What another way of balancing makes of the same tokens; null where none is run beside the pool. */
  readonly beside: BalanceBeside | null;
}

/** Whose counts the last window's load is made of. Ranks and layers ascend. */
export interface ReportedLoads {
  /** `received`: tokens that experts received, of each rank its own; `source`: that were routed, to all experts. */
  readonly counts: "source" | "received";
  /** Ranks that count the other kind, which fewer do: not used. */
  readonly otherKind: readonly number[];
  /** Of received counts: ranks that have experts and did not report. These experts' loads are estimated. */
  readonly missing: readonly number[];
  /** Ranks, and layers, whose counts cannot be true beside those of others: not used, estimated. */
  readonly implausible: readonly number[];
  readonly implausibleLayers: readonly number[];
}

/** A published epoch as the event stream reports it. */
export interface EpochReport extends SnapshotChange {
  readonly pool: string;
  readonly epoch: number;
}

/** What the gateway itself measured, once a second. */
export interface TrafficReport {
  readonly atMs: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly failed: number;
  readonly requestsPerSecond: number;
  /** Streamed frames that carried content, per second. */
  readonly framesPerSecond: number;
  readonly ttftMs: Percentiles | null;
  readonly itlMs: Percentiles | null;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}
