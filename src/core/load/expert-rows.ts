import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens after which what was observed counts half. */
const HALF_LIFE_TOKENS = 16_384;
const BYTES_PER_COUNT = 4;

/** What was observed of some requests. */
export interface Learned {
  /** Faded: the evidence. */
  readonly tokens: number;
  /** `[layers][experts]`: faded selections. */
  readonly counts: Float32Array;
}

/**
 * Counts of the experts that requests were routed to, a row for each key, faded as more comes. Row 0 is nobody's and
 * stays; of the others, when they are used up, the one observed or asked for longest ago makes way.
 *
 * Memory: `layers × experts × 4` bytes a row; a key besides, for each row.
 */
export class ExpertRows<K = string> {
  /** Layers × experts. */
  readonly width: number;
  readonly #experts: number;
  /** `[rows][layers][experts]` */
  readonly #counts: Float32Array;
  /** `[rows]` */
  readonly #tokens: Float64Array;
  /** The longest unused first. */
  readonly #rows = new Map<K, number>();

  /** As many rows as fit into the bytes. @throws RangeError when these are fewer than `least` */
  constructor(layers: number, experts: number, maxBytes: number, least: number) {
    const rows = Math.floor(maxBytes / (layers * experts * BYTES_PER_COUNT));
    if (rows < least) throw new RangeError(`${maxBytes} bytes hold ${rows} rows; a sketch needs ${least}`);
    this.width = layers * experts;
    this.#experts = experts;
    this.#counts = new Float32Array(rows * this.width);
    this.#tokens = new Float64Array(rows);
  }

  /** Rows that keys have. */
  get used(): number {
    return this.#rows.size;
  }

  tokens(row: number): number {
    return this.#tokens[row];
  }

  /** In place. */
  counts(row: number): Float32Array {
    return this.#counts.subarray(row * this.width, (row + 1) * this.width);
  }

  /** Tokens of a request, at the rows' layers; −1 selects nothing. */
  add(row: number, { tokens, layers, topk, experts: ids }: RoutingTrace): void {
    const counts = this.counts(row);
    const keep = 2 ** (-tokens / HALF_LIFE_TOKENS);
    for (let i = 0; i < counts.length; i++) counts[i] *= keep;
    for (let token = 0, i = 0; token < tokens; token++) {
      for (let layer = 0; layer < layers; layer++) {
        const first = layer * this.#experts;
        for (let k = 0; k < topk; k++, i++) if (ids[i] >= 0) counts[first + ids[i]]++;
      }
    }
    this.#tokens[row] = this.#tokens[row] * keep + tokens;
  }

  /** Tokens of a request, by the part of them that selects each. @param mix `[layers][experts]` */
  addMix(row: number, mix: Float32Array, tokens: number): void {
    const counts = this.counts(row);
    const keep = 2 ** (-tokens / HALF_LIFE_TOKENS);
    for (let i = 0; i < counts.length; i++) counts[i] = counts[i] * keep + tokens * mix[i];
    this.#tokens[row] = this.#tokens[row] * keep + tokens;
  }

  /** Puts what others have observed in the place of what was observed here. */
  set(row: number, { tokens, counts }: Learned): void {
    this.#counts.set(counts.subarray(0, this.width), row * this.width);
    this.#tokens[row] = tokens;
  }

  /** The row of a key, now the last to make way; −1 when there is none. */
  find(key: K): number {
    const row = this.#rows.get(key) ?? -1;
    if (row < 0) return -1;
    this.#rows.delete(key);
    this.#rows.set(key, row);
    return row;
  }

  /** The row of a key, an emptied one where it has none. */
  use(key: K): number {
    const known = this.find(key);
    if (known >= 0) return known;
    let row = this.#rows.size + 1;
    if (row === this.#tokens.length) {
      const [oldest, freed] = this.#rows.entries().next().value as [K, number];
      this.#rows.delete(oldest);
      row = freed;
      this.counts(row).fill(0);
      this.#tokens[row] = 0;
    }
    this.#rows.set(key, row);
    return row;
  }
}
