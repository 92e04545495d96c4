import { ExpertSketch } from "../../../src/core/load/expert-sketch.ts";
import { cut, type RoutedTokens, traceOf } from "../routed-tokens.ts";

const SKETCH_BYTES = 1 << 20;
/** Tokens that are observed at once where there are many. */
const OBSERVED_AT_ONCE = 4096;

/** Learns which experts the tenants of a stream use: all that is known of a request before it runs. */
export class Tenants {
  readonly #stream: RoutedTokens;
  readonly #sketch: ExpertSketch;

  /** @param observed token numbers */
  constructor(stream: RoutedTokens, observed: Int32Array) {
    const { layers, topk } = stream.trace;
    this.#stream = stream;
    this.#sketch = new ExpertSketch(layers, stream.experts, topk, SKETCH_BYTES);
    for (const rows of cut(observed, OBSERVED_AT_ONCE)) this.observe(rows);
  }

  observe(rows: Int32Array): void {
    for (const [tenant, own] of Map.groupBy(rows, (row) => this.#stream.tenant[row])) {
      const routing = traceOf(this.#stream, Int32Array.from(own));
      this.#sketch.observe({ prefix: null, tenant: String(tenant) }, routing);
    }
  }

  /** `[layers][experts]`: selections of each expert to be expected per token. */
  predict(tenant: number): Float64Array {
    const prediction = new Float64Array(this.#stream.trace.layers * this.#stream.experts);
    this.#sketch.predict({ prefix: null, tenant: String(tenant) }, prediction);
    return prediction;
  }
}
