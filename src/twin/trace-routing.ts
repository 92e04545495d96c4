import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { hashText } from "../routing/block-hashes.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { RoutingSource, RoutingSpan } from "./routing-source.ts";

/** Equal parts, one of which is a tenant's: as many as the synthetic source has topics. */
const PARTS = 8;

/**
 * Reads experts from a recorded routing trace. Requests take consecutive rows in the order they arrive, so that
 * the trace's drift is kept; where it is known whose each row is, a request begins again at the end of the run of its
 * tenant's rows. A tenant's requests, where they are named, keep to one part of the trace. Layer l of the model reads
 * layer l mod the trace's layers.
 */
export class TraceRouting implements RoutingSource {
  readonly experts: Int16Array;
  readonly rowStride: number;
  readonly topk: number;
  readonly #trace: RoutingTrace;
  readonly #tenants: ReadonlyNumbers | null;
  /** `[PARTS]` */
  readonly #partCursors = new Int32Array(PARTS);
  #cursor = 0;
  #shifts = 0;

  /** @param tenants `[tokens]`: a label of whose each token is; null where that is not known */
  constructor(trace: RoutingTrace, tenants: ReadonlyNumbers | null = null) {
    this.#trace = trace;
    this.#tenants = tenants;
    this.experts = trace.experts;
    this.topk = trace.topk;
    this.rowStride = trace.layers * trace.topk;
  }

  column(layer: number): number {
    return (layer % this.#trace.layers) * this.topk;
  }

  admit(tokens: number, tenant: string | null = null): RoutingSpan {
    return tenant === null || this.#trace.tokens < PARTS ? this.#next(tokens) : this.#nextOf(tenant, tokens);
  }

  #next(tokens: number): RoutingSpan {
    const at = this.#cursor;
    this.#cursor = (at + tokens) % this.#trace.tokens;
    if (this.#tenants === null) return { base: 0, offset: at, length: this.#trace.tokens, tenant: null };
    const tenant = this.#tenants[at];
    let base = at;
    while (base > 0 && this.#tenants[base - 1] === tenant) base--;
    let end = at + 1;
    while (end < this.#trace.tokens && this.#tenants[end] === tenant) end++;
    return { base, offset: at - base, length: end - base, tenant: `${tenant}` };
  }

  #nextOf(tenant: string, tokens: number): RoutingSpan {
    const part = (hashText(tenant) + this.#shifts) % PARTS;
    const length = Math.floor(this.#trace.tokens / PARTS);
    const offset = this.#partCursors[part];
    this.#partCursors[part] = (offset + tokens) % length;
    return { base: part * length, offset, length, tenant };
  }

  /** Half of the trace is passed over; a tenant goes on in another part. */
  shift(): void {
    this.#shifts++;
    this.#cursor = (this.#cursor + Math.floor(this.#trace.tokens / 2)) % this.#trace.tokens;
  }

  rows(span: RoutingSpan, position: number, count: number, out: Int32Array, at: number): void {
    let row = (span.offset + position) % span.length;
    for (let i = 0; i < count; i++) {
      out[at + i] = span.base + row;
      row = row + 1 === span.length ? 0 : row + 1;
    }
  }
}
