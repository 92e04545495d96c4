/**
 * One layer's dispatch of one batch as the all-to-all needs it: what DeepEP's `get_dispatch_layout` gives of the
 * chosen slots (its experts are physical), and the list of what each destination gets.
 *
 * DeepEP runs on every rank over the tokens that start there, and so does this on a batch of such tokens. On a batch
 * of several sources the counts are the sums over them, and a list is what its destination gets from them all.
 * The source is a destination like any other, here as in DeepEP: a token that selects an expert of its own rank or
 * node counts there too. Hops (model/layer-tally.ts) leave those out, since nothing travels.
 *
 * A slot that a token selects twice counts as two selections, and once for its rank and node.
 * Arrays may be longer than what is said here; what is behind means nothing.
 */
export interface DispatchLayout {
  readonly tokens: number;
  /** Selections dispatched (-1 not counted). */
  readonly selections: number;
  /** `[gpus]`: tokens that select anything on the rank. */
  readonly tokensPerRank: Int32Array;
  /** `[nodes]`: tokens that select anything on the node. DeepEP gives none of this where there is one node. */
  readonly tokensPerNode: Int32Array;
  /** `[slots]`: selections of each physical expert. */
  readonly selectionsPerSlot: Int32Array;
  /** Words per token in `tokenInRank`: one for every 32 ranks begun. */
  readonly maskWords: number;
  /** `[tokens][maskWords]`: bit `r % 32` of word `⌊r / 32⌋` tells whether the token selects anything on rank r. */
  readonly tokenInRank: Int32Array;
  /**
   * `[selections]`: the (token, slot) pairs to send, by node, then rank, then slot, then token: each destination's
   * are contiguous, and begin where the offsets say.
   */
  readonly sendTokens: Int32Array;
  readonly sendSlots: Int32Array;
  /** `[nodes + 1]`, `[gpus + 1]`, `[slots + 1]`: those of destination d are at `offsets[d] .. offsets[d + 1]`. */
  readonly nodeOffsets: Int32Array;
  readonly rankOffsets: Int32Array;
  readonly slotOffsets: Int32Array;
}
