import type { RoutingTrace } from "../../model/routing-trace.ts";
import { ExpertRows, type Learned } from "./expert-rows.ts";

/** What a wider group of requests says of a narrower one counts as so many of the narrower one's own tokens. */
const PRIOR_TOKENS = 64;
/** The pool's, a tenant's and a prefix's. */
const ROWS_OF_A_REQUEST = 3;
const POOL = 0;

/** What is known of a request before it runs; null where there is nothing. */
export interface RequestOrigin {
  /** A hash of the prompt's beginning. */
  readonly prefix: string | null;
  readonly tenant: string | null;
}

/**
 * Which experts requests use, learned from their routed experts: one row of counts for the pool, one for every tenant
 * and every prefix seen lately. A prefix of which little is known is filled up by its tenant, the tenant by the pool,
 * the pool by the uniform distribution (additive smoothing, one level after another).
 *
 * Memory: ExpertRows of `maxBytes` at most.
 */
export class ExpertSketch {
  readonly #experts: number;
  readonly #topk: number;
  readonly #rows: ExpertRows;

  /** @throws RangeError when `maxBytes` is less than the three rows that one request needs */
  constructor(layers: number, experts: number, topk: number, maxBytes: number) {
    this.#experts = experts;
    this.#topk = topk;
    this.#rows = new ExpertRows(layers, experts, maxBytes, ROWS_OF_A_REQUEST);
  }

  /** Tokens of a request, at the sketch's layers; −1 selects nothing. */
  observe({ prefix, tenant }: RequestOrigin, routing: RoutingTrace): void {
    const rows = this.#rows;
    rows.add(POOL, routing);
    if (tenant !== null) rows.add(rows.use(tenantKey(tenant)), routing);
    if (prefix !== null) rows.add(rows.use(prefixKey(prefix)), routing);
  }

  /** Writes `[layers][experts]`: the selections of each expert to be expected per token; a layer's sum to topk. */
  predict({ prefix, tenant }: RequestOrigin, out: Float64Array): void {
    const rows = this.#rows;
    const { width } = rows;
    const pool = rows.counts(POOL);
    const ofTenant = tenant === null ? -1 : rows.find(tenantKey(tenant));
    const ofPrefix = prefix === null ? -1 : rows.find(prefixKey(prefix));
    const poolWeight = 1 / (rows.tokens(POOL) + PRIOR_TOKENS);
    const uniform = (PRIOR_TOKENS * poolWeight * this.#topk) / this.#experts;
    for (let i = 0; i < width; i++) out[i] = uniform + poolWeight * pool[i];
    for (const row of [ofTenant, ofPrefix]) {
      if (row < 0) continue;
      const counts = rows.counts(row);
      const weight = 1 / (rows.tokens(row) + PRIOR_TOKENS);
      const wider = PRIOR_TOKENS * weight;
      for (let i = 0; i < width; i++) out[i] = wider * out[i] + weight * counts[i];
    }
  }

  /** What was observed of requests of a prefix, else of a tenant, else of all: tokens and, in place, their selections. */
  known({ prefix, tenant }: RequestOrigin): Learned {
    const key = keyOf(prefix, tenant);
    const row = key === null ? POOL : this.#rows.find(key);
    if (row < 0) return { tokens: 0, counts: new Float32Array(this.#rows.width) };
    return { tokens: this.#rows.tokens(row), counts: this.#rows.counts(row) };
  }

  /** Puts what others have observed in the place of what was observed here. */
  take({ prefix, tenant }: RequestOrigin, learned: Learned): void {
    const key = keyOf(prefix, tenant);
    this.#rows.set(key === null ? POOL : this.#rows.use(key), learned);
  }
}

/** The narrowest that there is; null for all requests. */
function keyOf(prefix: string | null, tenant: string | null): string | null {
  if (prefix !== null) return prefixKey(prefix);
  return tenant === null ? null : tenantKey(tenant);
}

function tenantKey(tenant: string): string {
  return `tenant ${tenant}`;
}

function prefixKey(prefix: string): string {
  return `prefix ${prefix}`;
}
