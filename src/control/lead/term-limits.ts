/** What a term goes by at each step, and does not end for when a reload changes it. */
export interface TermLimits {
  /** How long ranks may take to prepare a stage of some layers, and to switch to it. Of the next stage. */
  readonly prepareTimeoutMs: number;
  /** Bytes of weights that each GPU can hold beside what it uses. Of the next rollout. */
  readonly stagingBytes: number;
  /** As in RankWatch. */
  readonly rankSilenceMs: number;
}
