import type { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";

/** Tokens of requests that stand one after another, with the experts each was routed to. */
export interface RoutedTokens {
  readonly trace: RoutingTrace;
  /** Experts per layer. */
  readonly experts: number;
  /** `[tokens]`: which request each token is of; the tokens of one stand together. */
  readonly request: Int32Array;
  /** `[tokens]`: whose request it is, as a gateway can tell; those of a tenant tend to use the same experts. */
  readonly tenant: Int32Array;
}

/** Token numbers first … end − 1. */
export function range(first: number, end: number): Int32Array {
  return Int32Array.from({ length: end - first }, (_, i) => first + i);
}

/** Equally long runs of the order, one after another; what is left over at the end is left out. */
export function cut(order: Int32Array, length: number): Int32Array[] {
  return Array.from({ length: Math.floor(order.length / length) }, (_, i) =>
    order.subarray(i * length, (i + 1) * length),
  );
}

/** So many of the batches, evenly. */
export function spread(batches: readonly Int32Array[], count: number): Int32Array[] {
  const most = Math.min(count, batches.length);
  return Array.from({ length: most }, (_, i) => batches[Math.floor((i * batches.length) / most)]);
}

/**
 * The tokens from `first` on as continuous batching forwards them: one of each active request in turn; whenever a
 * request ends, the next one starts in its place.
 */
export function interleaved({ request }: RoutedTokens, first: number, active: number): Int32Array {
  const starts: number[] = [];
  for (let t = first; t < request.length; t++) {
    if (t === first || request[t] !== request[t - 1]) starts.push(t);
  }
  const ends = [...starts.slice(1), request.length];
  const order = new Int32Array(request.length - first);
  const open: { next: number; readonly end: number }[] = [];
  for (let i = 0, started = 0; i < order.length; ) {
    while (open.length < active && started < starts.length) {
      open.push({ next: starts[started], end: ends[started] });
      started++;
    }
    for (let at = 0; at < open.length; at++) {
      order[i++] = open[at].next++;
      if (open[at].next < open[at].end) continue;
      if (started < starts.length) {
        open[at] = { next: starts[started], end: ends[started] };
        started++;
      } else open.splice(at--, 1);
    }
  }
  return order;
}

/** Tokens per expert of these rows. */
export function loadOf({ trace, experts }: RoutedTokens, rows: Int32Array): ExpertLoad {
  const { layers, topk, experts: ids } = trace;
  const tokens = new Float64Array(layers * experts);
  for (const row of rows) {
    for (let i = 0; i < layers * topk; i++) {
      const expert = ids[row * layers * topk + i];
      if (expert >= 0) tokens[Math.floor(i / topk) * experts + expert]++;
    }
  }
  return { layers, experts, tokens };
}

/** These rows as a trace of their own. */
export function traceOf({ trace }: RoutedTokens, rows: Int32Array): RoutingTrace {
  const width = trace.layers * trace.topk;
  const experts = new Int16Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    experts.set(trace.experts.subarray(row * width, (row + 1) * width), i * width);
  }
  return { ...trace, tokens: rows.length, experts };
}

/** Requests of 200 to 1,500 tokens of the synthetic source, as many as make `tokens`. */
export function syntheticTokens(model: MoeModel, tokens: number, seed: number, lengths: Rng): RoutedTokens {
  const routing = new SyntheticRouting(model, seed);
  const width = routing.rowStride;
  const experts = new Int16Array(tokens * width);
  const request = new Int32Array(tokens);
  const tenant = new Int32Array(tokens);
  const rows = new Int32Array(1500);
  for (let at = 0, n = 0; at < tokens; n++) {
    const length = Math.min(200 + lengths.below(1301), tokens - at);
    const span = routing.admit(length);
    routing.rows(span, 0, length, rows, 0);
    for (let i = 0; i < length; i++, at++) {
      experts.set(routing.experts.subarray(rows[i] * width, (rows[i] + 1) * width), at * width);
      request[at] = n;
      // A topic has rows of its own.
      tenant[at] = span.base;
    }
  }
  const trace = { tokens, layers: width / model.topk, topk: model.topk, experts };
  return { trace, experts: model.experts, request, tenant };
}

/** Tokens that choose `topk` different experts by the load, each token and layer by itself; every token a request of one tenant. */
export function independentTokens(load: ExpertLoad, tokens: number, topk: number, rng: Rng): RoutedTokens {
  const { layers, experts } = load;
  const ids = new Int16Array(tokens * layers * topk);
  const upTo = new Float64Array(experts);
  for (let layer = 0; layer < layers; layer++) {
    let sum = 0;
    for (let e = 0; e < experts; e++) upTo[e] = sum += load.tokens[layer * experts + e];
    for (let token = 0; token < tokens; token++) {
      const first = (token * layers + layer) * topk;
      for (let k = 0; k < topk; ) {
        const at = rng.uniform() * sum;
        const expert = upTo.findIndex((part) => at < part);
        if (ids.subarray(first, first + k).includes(expert)) continue;
        ids[first + k++] = expert;
      }
    }
  }
  const trace = { tokens, layers, topk, experts: ids };
  return { trace, experts, request: range(0, tokens), tenant: new Int32Array(tokens) };
}
