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

/** The most experts per layer a routing trace can name. */
export const MAX_TRACE_EXPERTS = 32_768;
