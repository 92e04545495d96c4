/** The same recorded tokens under several ways of balancing them. */
export interface Comparison {
  readonly steps: number;
  readonly tokens: number;
  /** The part of the run's tokens that was recorded and compared, 0..1. */
  readonly recordedShare: number;
  readonly policies: readonly PolicyResult[];
}

export interface PolicyResult {
  readonly name: string;
  readonly title: string;
  /** Σ mean / Σ max GPU load over steps and layers. */
  readonly balancedness: number;
  /** (token, destination node ≠ source node) pairs per token and layer. */
  readonly nodeHopsPerToken: number;
  /** (token, destination rank ≠ source) pairs per token and layer. */
  readonly hopsPerToken: number;
  /** Modelled time of a forward pass. */
  readonly meanStepMs: number;
  /** Tokens forwarded per GPU and second of modelled step time. */
  readonly tokensPerGpuSecond: number;
  readonly movedSlots: number;
  /** Snapshots in use over the run, the first included. */
  readonly epochs: number;
}
