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

/** What stays of a pool's seconds, as `history` has them. */
export interface PoolSample {
  readonly pool: string;
  /** Wall-clock milliseconds since 1970. */
  readonly atMs: number;
  readonly tokensPerSecond: number;
  /** Σ mean / Σ max GPU load over steps and layers, 0..1; null when nothing was forwarded. */
  readonly balancedness: number | null;
  /** Per token and layer; null when nothing was forwarded. */
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly stepMs: number | null;
}

/** Event `report`: a pool's last second. */
export interface PoolReport extends PoolSample {
  readonly model: string;
  readonly topology: Topology;
  readonly epoch: number;
  readonly layers: number;
  readonly experts: number;
  /** Experts of a token in each layer; 0 where that is not known. */
  readonly topk: number;
  /** `[gpus]`, relative to the mean GPU. */
  readonly gpuLoad: readonly number[];
  /** `[gpus]`: the row of each one's fullest layer, and its load there relative to the mean GPU. */
  readonly gpuPeak: readonly { readonly layer: number; readonly timesMean: number }[];
  /** `[gpus]`: how much longer a step takes for each, in parts of an even one. */
  readonly gpuHolds: readonly number[];
  /** `[gpus]`: slots that compute anything, of a step and a layer on average; expected of counts, or counted. Null where that is not known. */
  readonly activated: { readonly perGpu: readonly number[]; readonly estimated: boolean } | null;
  readonly ranks: readonly RankState[];
  /** Since the leader began to lead. */
  readonly movedSlots: number;
  readonly decision: string;
  /** Null where no other way of balancing is run beside a simulated pool. */
  readonly beside: BalanceBeside | null;
  /** How far a simulated pool is behind its clock, in all; null of a real one. */
  readonly lagMs: number | null;
  /** What loads were counted from; null where they are counted in the gateway's own process. */
  readonly loads: { readonly counts: "source" | "received" } | null;
  /** `[layers]`: the layer of the model that each row of the load is of; empty where that is not known. */
  readonly layerNumbers: readonly number[];
  /** `[layers][experts]`, relative to an expert's fair part. */
  readonly expertLoad: readonly (readonly number[])[];
}

/** How a pool's tokens were spread, over ten seconds; null where nothing was forwarded. */
export interface BalanceFigures {
  readonly balancedness: number | null;
  /** Over all layers, relative to the mean. */
  readonly fullestGpu: number | null;
  readonly hopsPerToken: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly stepMs: number | null;
}

/** What another way of balancing makes of a simulated pool's own tokens. */
export interface BalanceBeside {
  readonly title: string;
  /** The part of the steps that it was worked out for, 0..1. */
  readonly part: number;
  readonly pool: BalanceFigures;
  readonly beside: BalanceFigures;
  readonly movedSlots: number;
  readonly placements: number;
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
  readonly p99: number;
}

/** How a pool is, in event `state`. */
export interface PoolCondition {
  readonly pool: string;
  readonly ranks: number;
  readonly lost: readonly { readonly rank: number; readonly how: "reported" | "silent" | "restarted" }[];
  readonly draining: readonly number[];
  readonly drained: readonly number[];
  /** By the model's own number of a layer. */
  readonly missing: readonly { readonly layer: number; readonly experts: readonly number[] }[];
  readonly leader: { readonly gateway: string; readonly sinceMs: number } | null;
  readonly rollout: {
    readonly reason: string;
    readonly phase: "prepare" | "commit";
    readonly stage: number;
    readonly stages: number;
  } | null;
  readonly paused: boolean;
  /** How many times as long as with all GPUs level a step may take. */
  readonly loadLine: number;
  readonly engine: WatchedEngine | null;
}

/** An engine that balances by itself. */
export interface WatchedEngine {
  readonly name: string;
  readonly rebalances: number;
  /** In steps; 0: not at all. */
  readonly rebalanceEvery: number;
  readonly stepsSinceRebalance: number;
  readonly dispatch: string;
  readonly balancedness: number | null;
  readonly measuredAtMs: number;
  readonly faults: readonly {
    readonly kind: string;
    readonly ranks: readonly number[];
    readonly sinceMs: number;
    readonly text: string;
  }[];
}

/** What was decided about a pool, and what came of it. */
export interface DecisionRecord {
  readonly id: number;
  readonly kind: "placement" | "repair" | "loss" | "shares" | "kept";
  readonly reason: string;
  readonly state: "under way" | "done" | "given up";
  readonly why: string | null;
  readonly atMs: number;
  readonly endMs: number | null;
  readonly times: number;
  readonly stages: { readonly done: number; readonly of: number } | null;
  readonly movedSlots: number;
  readonly movedBytes: number;
  readonly weighed: {
    readonly before: PredictedFigures;
    readonly after: PredictedFigures;
    readonly movedSlots: number;
    readonly movedBytes: number;
    /** Parts of the tokens forwarded; null for shares. */
    readonly gain: number | null;
    readonly neededGain: number | null;
  } | null;
  readonly before: MeasuredFigures | null;
  readonly after: MeasuredFigures | null;
}

interface PredictedFigures {
  readonly balancedness: number;
  readonly nodeHops: number | null;
}

export interface MeasuredFigures extends PredictedFigures {
  readonly spanMs: number;
  readonly tokensPerSecond: number;
}

/** Event `decisions`: those of a pool that are new or other than before; all of them in `history`. */
export interface Decisions {
  readonly pool: string;
  readonly decisions: readonly DecisionRecord[];
}

/** Event `gateway`. */
export interface GatewayCondition {
  readonly gateway: string;
  readonly store: { readonly name: string; readonly fault: string | null };
}

/** Event `gone`: the gateway has the pool no more. */
export interface PoolGone {
  readonly pool: string;
}

/** Event `simulation`: what was done to a pool that is simulated in the gateway's process. */
export interface SimulationReport {
  readonly pool: string;
  /** What the gateway's process makes for it; null where that is nothing. */
  readonly traffic: OwnTraffic | null;
  /** How often the traffic has turned to other experts at once. */
  readonly shifts: number;
  /** GPUs that were stopped, ascending. */
  readonly lost: readonly number[];
}

export interface OwnTraffic {
  readonly name: string;
  /** In parts of what it began with. */
  readonly factor: number;
  readonly most: number;
  readonly paused: boolean;
  /** Null for traffic that is made up. */
  readonly trace: { readonly atMs: number; readonly lengthMs: number; readonly speed: number } | null;
}

/** Event `history`, first on every connection. */
export interface History {
  /** By the gateway's clock. */
  readonly atMs: number;
  readonly reports: readonly PoolSample[];
  /** The last of each pool, whole. */
  readonly latest: readonly PoolReport[];
  readonly decisions: readonly Decisions[];
  /** As they are now. */
  readonly gateway: GatewayCondition;
  readonly states: readonly PoolCondition[];
  readonly simulations: readonly SimulationReport[];
}
