import type { RoutingTrace } from "../model/routing-trace.ts";
import type { RoutingSource, RoutingSpan } from "./routing-source.ts";

/**
 * Reads experts from a recorded routing trace. Requests take consecutive rows in the order they arrive, so that
 * the trace's drift is kept; layer l of the model reads layer l mod the trace's layers.
 */
export class TraceRouting implements RoutingSource {
  readonly experts: Int16Array;
  readonly rowStride: number;
  readonly topk: number;
  readonly #trace: RoutingTrace;
  #cursor = 0;

  constructor(trace: RoutingTrace) {
    this.#trace = trace;
    this.experts = trace.experts;
    this.topk = trace.topk;
    this.rowStride = trace.layers * trace.topk;
  }

  column(layer: number): number {
    return (layer % this.#trace.layers) * this.topk;
  }

  admit(tokens: number): RoutingSpan {
    const span = { base: 0, offset: this.#cursor, length: this.#trace.tokens };
    this.#cursor = (this.#cursor + tokens) % this.#trace.tokens;
    return span;
  }

  rows(span: RoutingSpan, position: number, count: number, out: Int32Array, at: number): void {
    let row = (span.offset + position) % span.length;
    for (let i = 0; i < count; i++) {
      out[at + i] = row;
      row = row + 1 === span.length ? 0 : row + 1;
    }
  }
}
