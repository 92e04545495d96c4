/** The tokens of one forward pass, and where their choices of experts stand: nothing is copied per layer. */
export interface TokenBatch {
  readonly tokens: number;
  /** `[tokens]`: the GPU each token starts from. */
  readonly sources: Int32Array;
  /** `[tokens]`: the row of each token in `experts`. */
  readonly rows: Int32Array;
  /** Rows of logical expert ids, -1 for none. */
  readonly experts: Int16Array;
  /** Numbers per row. */
  readonly rowStride: number;
  /** Selections per token and layer. */
  readonly topk: number;
}
