import type { RoutingTrace } from "../model/routing-trace.ts";

/** The rows of a bank of routed tokens that one request reads, in order, beginning again at the end. */
export interface RoutingSpan {
  readonly base: number;
  readonly offset: number;
  readonly length: number;
  /** Whose request it is, as far as the gateway knows; requests of one use alike experts. */
  readonly tenant: string | null;
}

/** Where simulated tokens get their experts from: a trace or the gate on a synthetic source. */
export interface RoutingSource {
  /** Rows of expert ids, −1 for none; rows that were handed out never change. */
  readonly experts: Int16Array;
  readonly rowStride: number;
  readonly topk: number;
  /** Where MoE layer `layer` of the model begins within a row. */
  column(layer: number): number;
  /**
   * The rows of the next request to arrive, of so many tokens in all.
   * @param tenant whose it is; without one the source decides
   */
  admit(tokens: number, tenant?: string | null): RoutingSpan;
  /** Writes the rows of tokens `position .. position + count` of a request to `out[at ..]`, and makes sure they exist. */
  rows(span: RoutingSpan, position: number, count: number, out: Int32Array, at: number): void;
  /** What is asked for changes at once: requests that are admitted from now on use other experts. */
  shift(): void;
}

/** The first tokens of a request with all their choices, at the model's MoE layers. */
export function routedTokens(
  routing: RoutingSource,
  span: RoutingSpan,
  tokens: number,
  layers: number,
): RoutingTrace {
  const rows = new Int32Array(tokens);
  routing.rows(span, 0, tokens, rows, 0);
  return routedRows(routing, rows, layers);
}

/** At most so many tokens of a request, evenly spread from the first to the last. */
export function spreadTokens(
  routing: RoutingSource,
  span: RoutingSpan,
  tokens: number,
  layers: number,
  most: number,
): RoutingTrace {
  const rows = new Int32Array(Math.min(most, tokens));
  for (let i = 0; i < rows.length; i++) {
    routing.rows(span, Math.floor((i * tokens) / rows.length), 1, rows, i);
  }
  return routedRows(routing, rows, layers);
}

/** Rows of a source with all their choices, at the model's MoE layers. */
export function routedRows(routing: RoutingSource, rows: Int32Array, layers: number): RoutingTrace {
  const { topk, rowStride } = routing;
  const experts = new Int16Array(rows.length * layers * topk);
  for (let token = 0; token < rows.length; token++) {
    for (let layer = 0; layer < layers; layer++) {
      const from = rows[token] * rowStride + routing.column(layer);
      experts.set(routing.experts.subarray(from, from + topk), (token * layers + layer) * topk);
    }
  }
  return { tokens: rows.length, layers, topk, experts };
}
