import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens after which what was observed counts half. */
const HALF_LIFE_TOKENS = 16_384;
/** What a wider group of requests says of a narrower one counts as so many of the narrower one's own tokens. */
const PRIOR_TOKENS = 64;
const BYTES_PER_COUNT = 4;

/** What was observed of some requests. */
export interface Learned {
  /** Faded: the evidence. */
  readonly tokens: number;
  /** `[layers][experts]`: faded selections. */
  readonly counts: Float32Array;
}

/** What is known of a request before it runs; null where there is nothing. */
export interface RequestOrigin {
  /** A hash of the prompt's beginning. */
  readonly prefix: string | null;
  readonly tenant: string | null;
}

/**
 * Which experts requests use, learned from their routed experts: one row of counts for the pool, one for every tenant
 * and every prefix seen lately. A prefix of which little is known is filled up by its tenant, the tenant by the pool,
 * the pool by the uniform distribution (additive smoothing, one level after another). When the rows are used up, the
 * one observed or asked for longest ago makes way.
 *
 * Memory: `layers × experts × 4` bytes a row, no more than `maxBytes` in all; a key besides, for each row.
 */
export class ExpertSketch {
  readonly #layers: number;
  readonly #experts: number;
  readonly #topk: number;
  /** `[rows][layers][experts]`: faded selections; row 0 is the pool's. */
  readonly #counts: Float32Array;
  /** `[rows]`: faded tokens. */
  readonly #tokens: Float64Array;
  /** The row of each tenant and prefix, the longest unused first. */
  readonly #rows = new Map<string, number>();

  /** @throws RangeError when `maxBytes` is less than the three rows that one request needs */
  constructor(layers: number, experts: number, topk: number, maxBytes: number) {
    const rows = Math.floor(maxBytes / (layers * experts * BYTES_PER_COUNT));
    if (rows < 3) throw new RangeError(`${maxBytes} bytes hold ${rows} rows; a sketch needs 3`);
    this.#layers = layers;
    this.#experts = experts;
    this.#topk = topk;
    this.#counts = new Float32Array(rows * layers * experts);
    this.#tokens = new Float64Array(rows);
  }

  /** Tokens of a request, at the sketch's layers; −1 selects nothing. */
  observe({ prefix, tenant }: RequestOrigin, routing: RoutingTrace): void {
    this.#add(0, routing);
    if (tenant !== null) this.#add(this.#use(tenantKey(tenant)), routing);
    if (prefix !== null) this.#add(this.#use(prefixKey(prefix)), routing);
  }

  /** Writes `[layers][experts]`: the selections of each expert to be expected per token; a layer's sum to topk. */
  predict({ prefix, tenant }: RequestOrigin, out: Float64Array): void {
    const width = this.#layers * this.#experts;
    const pool = this.#counts.subarray(0, width);
    const ofTenant = this.#known(tenant === null ? null : tenantKey(tenant));
    const ofPrefix = this.#known(prefix === null ? null : prefixKey(prefix));
    const poolWeight = 1 / (this.#tokens[0] + PRIOR_TOKENS);
    const uniform = (PRIOR_TOKENS * poolWeight * this.#topk) / this.#experts;
    for (let i = 0; i < width; i++) out[i] = uniform + poolWeight * pool[i];
    for (const row of [ofTenant, ofPrefix]) {
      if (row < 0) continue;
      const counts = this.#counts.subarray(row * width, (row + 1) * width);
      const weight = 1 / (this.#tokens[row] + PRIOR_TOKENS);
      const wider = PRIOR_TOKENS * weight;
      for (let i = 0; i < width; i++) out[i] = wider * out[i] + weight * counts[i];
    }
  }

  /** What was observed of requests of a prefix, else of a tenant, else of all: tokens and, in place, their selections. */
  known({ prefix, tenant }: RequestOrigin): Learned {
    const row = this.#rowOf(prefix, tenant);
    const width = this.#layers * this.#experts;
    if (row < 0) return { tokens: 0, counts: new Float32Array(width) };
    return { tokens: this.#tokens[row], counts: this.#counts.subarray(row * width, (row + 1) * width) };
  }

  /** Puts what others have observed in the place of what was observed here. */
  take(origin: RequestOrigin, { tokens, counts }: Learned): void {
    const { prefix, tenant } = origin;
    const key = keyOf(prefix, tenant);
    const row = key === null ? 0 : this.#use(key);
    const width = this.#layers * this.#experts;
    this.#counts.set(counts.subarray(0, width), row * width);
    this.#tokens[row] = tokens;
  }

  #rowOf(prefix: string | null, tenant: string | null): number {
    const key = keyOf(prefix, tenant);
    return key === null ? 0 : this.#known(key);
  }

  #add(row: number, { tokens, experts: ids, topk }: RoutingTrace): void {
    const [layers, experts] = [this.#layers, this.#experts];
    const width = layers * experts;
    const counts = this.#counts.subarray(row * width, (row + 1) * width);
    const keep = 2 ** (-tokens / HALF_LIFE_TOKENS);
    for (let i = 0; i < width; i++) counts[i] *= keep;
    for (let token = 0, i = 0; token < tokens; token++) {
      for (let layer = 0; layer < layers; layer++) {
        const first = layer * experts;
        for (let k = 0; k < topk; k++, i++) if (ids[i] >= 0) counts[first + ids[i]]++;
      }
    }
    this.#tokens[row] = this.#tokens[row] * keep + tokens;
  }

  /** The row of a key, now the last to make way; −1 when there is none. */
  #known(key: string | null): number {
    if (key === null) return -1;
    const row = this.#rows.get(key) ?? -1;
    if (row < 0) return -1;
    this.#rows.delete(key);
    this.#rows.set(key, row);
    return row;
  }

  /** The row of a key, an emptied one where it has none. */
  #use(key: string): number {
    const known = this.#known(key);
    if (known >= 0) return known;
    let row = this.#rows.size + 1;
    if (row === this.#tokens.length) {
      const [oldest, freed] = this.#rows.entries().next().value as [string, number];
      this.#rows.delete(oldest);
      row = freed;
      const width = this.#layers * this.#experts;
      this.#counts.fill(0, row * width, (row + 1) * width);
      this.#tokens[row] = 0;
    }
    this.#rows.set(key, row);
    return row;
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
