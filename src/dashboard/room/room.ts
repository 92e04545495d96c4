/** What `POST /ep/v1/what-if/:pool` says, as far as this page reads it (the gateway's own: src/plans/what-if). */

export interface Answer {
  /** Why nothing is said, in a clause; null where something is. */
  readonly why: string | null;
  /** Milliseconds since 1970: of what is known of the pool. */
  readonly atMs: number;
  /** Types of GPU to choose from; null where the gateway knows the pool's. */
  readonly gpus: readonly string[] | null;
}

interface Found {
  /** Time was over before everything was tried. */
  readonly stopped: boolean;
  /** What is assumed, in sentences. */
  readonly notes: readonly string[];
}

export interface SlotsPoint {
  readonly slotsPerGpu: number;
  /** Slots of a layer beyond one for each expert. */
  readonly redundant: number;
  /** How many times as long as with all GPUs level the experts of a step take. */
  readonly stepFactor: number;
  /** Of the fullest GPU, the load of all layers over that of the mean GPU. */
  readonly fullestGpu: number;
  /** Tokens that full steps forward, in parts of those now; null where that is not known. */
  readonly throughput: number | null;
}

export interface SlotsRoom extends Answer, Found {
  /** With what is in force. */
  readonly now: SlotsPoint | null;
  /** Experts placed anew, by slots. */
  readonly points: readonly SlotsPoint[];
  /** Of a GPU's memory, what one more slot takes. */
  readonly slotBytes: number;
}

export interface TwoPercentiles {
  readonly p50: number;
  readonly p95: number;
}

export interface MostCarried {
  readonly tokensPerSecond: number;
  /** In parts of what comes now. */
  readonly factor: number;
  /** It carries more. */
  readonly atLeast: boolean;
}

export interface TrafficPoint {
  readonly factor: number;
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  /** Else requests queue up without end. */
  readonly keepsUp: boolean;
  readonly stepMs: number | null;
  readonly ttftMs: TwoPercentiles | null;
  readonly itlMs: TwoPercentiles | null;
}

/** The traffic that all is said of. */
export interface MeasuredTraffic {
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
  readonly tokensPerSecond: number;
  readonly ttftMs: TwoPercentiles | null;
  readonly itlMs: TwoPercentiles | null;
}

export interface TrafficRoom extends Answer, Found {
  readonly measured: MeasuredTraffic;
  readonly most: MostCarried | null;
  readonly points: readonly TrafficPoint[];
}

export interface NodesPoint {
  readonly nodes: number;
  readonly gpus: number;
  readonly slotsPerGpu: number;
  /** Why nothing is served there; null where it is. */
  readonly why: string | null;
  readonly stepMs: number | null;
  readonly ttftMs: TwoPercentiles | null;
  readonly itlMs: TwoPercentiles | null;
  readonly most: MostCarried | null;
}

export interface NodesRoom extends Answer, Found {
  readonly points: readonly NodesPoint[];
}

/** What is known so far; a text says why an answer could not be had. */
export interface Room {
  readonly gpus: readonly string[] | null;
  readonly slots: SlotsRoom | string | null;
  readonly traffic: TrafficRoom | string | null;
  readonly nodes: NodesRoom | string | null;
}

/** What is asked, one after the other. */
export const WHATS = ["slots", "traffic", "nodes"] as const;
export const NO_ROOM: Room = { gpus: null, slots: null, traffic: null, nodes: null };
