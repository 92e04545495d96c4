/** The rows of a bank of routed tokens that one request reads, in order, beginning again at the end. */
export interface RoutingSpan {
  readonly base: number;
  readonly offset: number;
  readonly length: number;
}

/** Where simulated tokens get their experts from: a trace or the gate on a synthetic source. */
export interface RoutingSource {
  /** Rows of expert ids, −1 for none; rows that were handed out never change. */
  readonly experts: Int16Array;
  readonly rowStride: number;
  readonly topk: number;
  /** Where MoE layer `layer` of the model begins within a row. */
  column(layer: number): number;
  /** The rows of the next request to arrive, of so many tokens in all. */
  admit(tokens: number): RoutingSpan;
  /** Writes the rows of tokens `position .. position + count` of a request to `out[at ..]`, and makes sure they exist. */
  rows(span: RoutingSpan, position: number, count: number, out: Int32Array, at: number): void;
}
