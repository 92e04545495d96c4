import { compose } from "../../core/batching/compose.ts";
import { type RequestKinds, requestKinds } from "../../core/batching/request-kinds.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { ExpertSketch } from "../../core/load/expert-sketch.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { type Arrival, type InFlightLoads, type RankAssigner, book } from "./rank-assigner.ts";
import { type RoutingSource, routedTokens } from "../routing-source.ts";

/** 282 tenants of DeepSeek-V3. */
const SKETCH_BYTES = 1 << 24;

export interface ComposedOptions {
  readonly model: MoeModel;
  readonly routing: RoutingSource;
  /** What one rank can hold. */
  readonly kvCapacityTokens: number;
  readonly runningPerRank: number;
}

/**
 * Composes all waiting requests at once. A rank forwards prompts and decodes side by side, so requests and cache are
 * what has to be equal. Experts are known by tenant, from the requests that have ended.
 */
export class ComposedAssigner implements RankAssigner {
  readonly composes = true;
  readonly #options: ComposedOptions;
  readonly #layers: number;
  readonly #sketch: ExpertSketch;
  #map: ReplicaMap;

  constructor(options: ComposedOptions, map: ReplicaMap) {
    const { experts, topk } = options.model;
    this.#options = options;
    this.#layers = options.model.moeLayers.length;
    this.#sketch = new ExpertSketch(this.#layers, experts, topk, SKETCH_BYTES);
    this.#map = map;
  }

  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array {
    if (waiting.length === 0) return new Int32Array(0);
    const { kvCapacityTokens, runningPerRank } = this.#options;
    const work = Float64Array.from(loads.requests);
    const ranks = {
      work,
      // Equal halves, as a pass is costed (PassTime).
      microWork: Float64Array.from({ length: work.length * 2 }, (_, i) => work[i >> 1] / 2),
      kvTokens: loads.tokens,
      kvCapacityTokens: new Float64Array(work.length).fill(kvCapacityTokens),
      places: loads.requests.map((running, rank) =>
        loads.serves[rank] === 0 ? 0 : Math.max(0, runningPerRank - running),
      ),
    };
    const { kind, kinds } = this.#kindsOf(waiting);
    const requests = {
      count: waiting.length,
      work: new Float64Array(waiting.length).fill(1),
      kvTokens: Float64Array.from(waiting, ({ cacheTokens }) => cacheTokens),
      kind,
    };
    const { rankOf } = compose("decode", requests, kinds, ranks);
    for (const [i, rank] of rankOf.entries()) if (rank >= 0) book(loads, waiting[i], rank);
    return rankOf;
  }

  finished({ routing, inputTokens, outputTokens }: Arrival): void {
    // The last token is made, not forwarded.
    const tokens = inputTokens + outputTokens - 1;
    const routed = routedTokens(this.#options.routing, routing, tokens, this.#layers);
    this.#sketch.observe({ prefix: null, tenant: routing.tenant }, routed);
  }

  adopt(map: ReplicaMap): void {
    this.#map = map;
  }

  /** One kind per tenant. */
  #kindsOf(waiting: readonly Arrival[]): { readonly kind: Int32Array; readonly kinds: RequestKinds } {
    const tenants = [...new Set(waiting.map(({ routing }) => routing.tenant))];
    const predictions = tenants.map((tenant) => {
      const prediction = new Float64Array(this.#layers * this.#options.model.experts);
      this.#sketch.predict({ prefix: null, tenant }, prediction);
      return prediction;
    });
    return {
      kind: Int32Array.from(waiting, ({ routing }) => tenants.indexOf(routing.tenant)),
      kinds: requestKinds(this.#map, predictions),
    };
  }
}
