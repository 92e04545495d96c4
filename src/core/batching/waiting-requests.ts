/** Requests that wait at the gateway, in order of arrival. */
export interface WaitingRequests {
  readonly count: number;
  /** `[count]`, > 0: what is to be equal on all ranks. In prefill the prompt's tokens, in decode 1 each. */
  readonly work: Float64Array;
  /** `[count]`: tokens of key-value cache each needs to its end. */
  readonly kvTokens: Float64Array;
  /** `[count]`: requests of a kind are expected to use the same experts; a row of RequestKinds. */
  readonly kind: Int32Array;
}

/** What the ranks have in hand already. */
export interface RankState {
  /** `[ranks]`: in prefill the input tokens they have still to forward, in decode the requests they run. */
  readonly work: Float64Array;
  /** `[ranks][2]`: the same by micro-batch. */
  readonly microWork: Float64Array;
  /** `[ranks]`: tokens of cache that their requests need to their end, and that they have room for. */
  readonly kvTokens: Float64Array;
  readonly kvCapacityTokens: Float64Array;
  /** `[ranks]`: requests they can still take; 0 = out of service. */
  readonly places: Int32Array;
}

/** What work is counted in: input tokens in prefill, requests in decode. */
export type Phase = "prefill" | "decode";
