/** The same recorded tokens under several ways of balancing them, none of which knows the future. */
export interface Comparison {
  /** The part of the run's tokens that was recorded and compared, 0..1. */
  readonly recordedShare: number;
  /** In the steps in which they ran. */
  readonly asRun: Regime;
  /** Joined into full batches, as the pool would forward them under full load. */
  readonly fullBatches: Regime;
}

export interface Regime {
  readonly steps: number;
  readonly tokens: number;
  /** One each for no redundancy, EPLB with even shares, and Plimsoll. */
  readonly policies: readonly PolicyResult[];
}

/** Figures are null where nothing was forwarded. */
export interface PolicyResult {
  readonly name: string;
  readonly title: string;
  /** Σ mean / Σ max GPU load over steps and layers. */
  readonly balancedness: number | null;
  /** (token, destination node ≠ source node) pairs per token and layer. */
  readonly nodeHopsPerToken: number | null;
  /** (token, destination rank ≠ source) pairs per token and layer. */
  readonly hopsPerToken: number | null;
  /** Modelled time of a forward pass. */
  readonly meanStepMs: number | null;
  /** Tokens forwarded per GPU and second of modelled step time. */
  readonly tokensPerGpuSecond: number | null;
  /** Slots whose expert had to be sent to their GPU. */
  readonly movedSlots: number;
  /** Snapshots in use over the run, the first included. */
  readonly epochs: number;
}
