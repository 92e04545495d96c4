/** What a request is to be expected to cost where it runs, by the experts it is expected to use. */
export interface ExpertOutlook {
  /** `[shards]`: hops to other nodes, per token and layer. */
  readonly nodeHops: Float64Array;
  /**
   * `[shards]`: what a token adds to the load of the GPUs that its layers wait for, mean over layers; 1 = as much as in
   * a perfectly level pool.
   */
  readonly marginalLoad: Float64Array;
}

/** What routing knows of a request. */
export interface RoutableRequest {
  readonly model: string;
  /** Estimated tokens of the prompt. */
  readonly inputTokens: number;
  /** Tokens it may generate: what it asked for, else an estimate. */
  readonly outputTokens: number;
  /**
   * `[blocks][2]`: a 64-bit hash of each whole block of the prompt and everything before it, as two words; two prompts
   * that begin alike have the same hashes up to where they part.
   */
  readonly prefix: Uint32Array;
  /** Estimated tokens of one block. */
  readonly blockTokens: number;
  /** A hash of the session, else of the tenant; 0 when neither is known. */
  readonly affinityKey: number;
  /** Null when nothing is known of the experts it will use. */
  readonly experts: ExpertOutlook | null;
  /** The only shard that may serve it, as the client asked; −1 when any may. */
  readonly pinnedRank: number;
  /** The shards that may serve it, as the proxy in front can reach them; absent or null for all. */
  readonly among?: ReadonlySet<number> | null;
  /** Shards that failed this request before its first byte. */
  readonly tried: readonly number[];
}
