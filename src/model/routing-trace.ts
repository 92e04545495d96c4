/** The routed experts of every token at every MoE layer: what vLLM and SGLang return with `--enable-return-routed-experts`. */
export interface RoutingTrace {
  readonly tokens: number;
  readonly layers: number;
  readonly topk: number;
  /**
   * `[tokens][layers][topk]`, row-major: the logical expert of choice k of token t at layer l is
   * `experts[(t · layers + l) · topk + k]`; −1 means none.
   */
  readonly experts: Int16Array;
}

/** Some layers of a routing trace. */
export interface TraceRows {
  /** Of the rows that were asked for, in that order. */
  readonly trace: RoutingTrace;
  readonly rows: readonly number[];
  /** Layers that the file has in all. */
  readonly depth: number;
}

/** The most experts per layer a routing trace can name. */
export const MAX_TRACE_EXPERTS = 32_768;

/** @returns so many of its tokens at most, evenly spread, in a trace of their own */
export function thinned(trace: RoutingTrace, most: number): RoutingTrace {
  const { tokens, layers, topk, experts } = trace;
  if (tokens <= most) return trace;
  const width = layers * topk;
  const kept = new Int16Array(most * width);
  for (let i = 0; i < most; i++) {
    const token = Math.floor((i * tokens) / most);
    kept.set(experts.subarray(token * width, (token + 1) * width), i * width);
  }
  return { tokens: most, layers, topk, experts: kept };
}
