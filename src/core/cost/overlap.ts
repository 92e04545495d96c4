/** Seconds that one of two micro-batches spends in one MoE layer, each on the slowest rank. */
export interface LayerTimes {
  /** With the shared expert. */
  readonly attention: number;
  readonly dispatch: number;
  readonly experts: number;
  readonly combine: number;
}

/**
 * Two micro-batches, one always a phase behind the other: while one computes, the other communicates. How DeepSeek
 * and SGLang prefill. Filling and draining, one phase of the whole pass, is left out.
 */
export function alternating({ attention, dispatch, experts, combine }: LayerTimes): number {
  return (
    Math.max(attention, combine) +
    Math.max(dispatch, attention) +
    Math.max(experts, dispatch) +
    Math.max(combine, experts)
  );
}

/**
 * Two micro-batches in a pipeline whose attention is cut in two (five stages), as DeepSeek decodes: bound by the
 * arithmetic of both, the network for both, or all the stages of one. No schedule of two micro-batches is faster.
 */
export function pipelined({ attention, dispatch, experts, combine }: LayerTimes): number {
  const compute = attention + experts;
  const network = dispatch + combine;
  return Math.max(2 * compute, 2 * network, compute + network);
}
