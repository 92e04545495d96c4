import { ExpertSketch } from "../../core/load/expert-sketch.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { ExpertSignature } from "../../routing/locality/locality-router.ts";
import { signatureShape } from "../../routing/locality/signature-shape.ts";
import { type RequestTokens, promptRows } from "./request-tokens.ts";

/** Where a request's signature may be from. */
export const SIGNATURES = ["prefill", "prefix", "tenant"] as const;
export type SignatureSource = (typeof SIGNATURES)[number];

/** Tokens of a prompt's beginning, about 256 bytes of text: what gateways tell prefixes by. */
const PREFIX_TOKENS = 64;
/** Of what is learned of tenants and prefixes; those met longest ago make way. */
const SKETCH_BYTES = 1 << 26;

export interface SignatureOptions {
  readonly trace: RoutingTrace;
  readonly experts: number;
  readonly requests: RequestTokens;
  readonly source: SignatureSource;
  /** `[requests]`: whose each is, or how it begins; null where that is not known, and the trace itself has to say. */
  readonly kinds: Float64Array | null;
}

/**
 * What is known of a trace's requests as they come, of their prompts' tokens at some of the layers. `prefill` has a
 * request's whole prompt; `prefix` its first tokens, as if earlier requests had begun so, or, of given prefixes, what
 * prompts that began so have used before; `tenant` what those of the same tenant have.
 */
export class RequestSignatures {
  readonly width: number;
  /** As in SignatureShape. */
  readonly tellingBatch: number;
  readonly #options: SignatureOptions;
  /** Rows of the trace's layers. */
  readonly #layers: readonly number[];
  readonly #sketch: ExpertSketch;
  readonly #prediction: Float64Array;

  constructor(options: SignatureOptions) {
    const { trace, experts, kinds } = options;
    const { layers, width, tellingBatch } = signatureShape(trace.layers, experts, trace.topk);
    this.#options = options;
    this.#layers = layers;
    this.width = width;
    this.tellingBatch = tellingBatch;
    this.#sketch = new ExpertSketch(
      layers.length,
      experts,
      trace.topk,
      Math.max(kinds === null ? 0 : SKETCH_BYTES, 12 * this.width),
    );
    this.#prediction = new Float64Array(this.width);
  }

  /** What is known of a request before it is sent; null for nothing. */
  of(request: number): ExpertSignature | null {
    const { source, kinds, requests } = this.#options;
    if (kinds !== null) return this.#learned(kinds[request]);
    const rows = promptRows(requests, request);
    return this.counted(source === "prefix" ? rows.subarray(0, PREFIX_TOKENS) : rows);
  }

  /** The experts of a request's prompt, as they are known once it was forwarded; null for none. */
  seen(request: number): ExpertSignature | null {
    return this.counted(promptRows(this.#options.requests, request));
  }

  /** Learns of a request that was forwarded. */
  learn(request: number): void {
    const { trace, requests, kinds } = this.#options;
    if (kinds === null) return;
    const rows = promptRows(requests, request);
    if (rows.length === 0) return;
    const { topk } = trace;
    const ids = new Int16Array(rows.length * this.#layers.length * topk);
    let to = 0;
    for (const row of rows) {
      for (const layer of this.#layers) {
        const from = (row * trace.layers + layer) * topk;
        for (let k = 0; k < topk; k++) ids[to++] = trace.experts[from + k];
      }
    }
    const routing = { tokens: rows.length, layers: this.#layers.length, topk, experts: ids };
    this.#sketch.observe({ prefix: null, tenant: `${kinds[request]}` }, routing);
  }

  #learned(kind: number): ExpertSignature | null {
    const origin = { prefix: null, tenant: `${kind}` };
    const { tokens } = this.#sketch.known(origin);
    if (tokens === 0) return null;
    this.#sketch.predict(origin, this.#prediction);
    return { mix: Float32Array.from(this.#prediction, (chance) => Math.min(1, chance)), tokens };
  }

  /** What some tokens use, by their numbers in the trace; null of none. */
  counted(rows: Int32Array): ExpertSignature | null {
    if (rows.length === 0) return null;
    const { trace, experts } = this.#options;
    const mix = new Float32Array(this.width);
    const share = 1 / rows.length;
    for (const row of rows) {
      for (const [at, layer] of this.#layers.entries()) {
        const from = (row * trace.layers + layer) * trace.topk;
        for (let k = 0; k < trace.topk; k++) {
          const id = trace.experts[from + k];
          if (id >= 0) mix[at * experts + id] += share;
        }
      }
    }
    return { mix, tokens: rows.length };
  }
}
