import type { RoutingSource } from "../routing-source.ts";

/** Rows of a routing source that are taken to be alike: a topic of the synthetic one, a stretch of a trace. */
const ALIKE_BITS = 10;
const ALIKE = 1 << ALIKE_BITS;

/** What the tokens of alike rows choose. */
export interface ExpertProfile {
  /** Rows it was counted from. */
  readonly rows: number;
  /** `[layers][experts]`: the part of the tokens that choose the expert. */
  readonly chance: Float32Array;
}

/** Profiles by the rows that they are counted from: sources that read the same rows share them, from run to run. */
const COUNTED = new WeakMap<Int16Array, ExpertProfiles>();

/** The profiles of a source's rows, which a source before may have had counted: rows never change. */
export function profilesOf(routing: RoutingSource, layers: number, experts: number): ExpertProfiles {
  const known = COUNTED.get(routing.experts);
  if (known?.isOf(layers, experts) === true) return known;
  const profiles = new ExpertProfiles(routing, layers, experts);
  COUNTED.set(routing.experts, profiles);
  return profiles;
}

/** How likely the tokens of a routing source are to choose each expert, by group of alike rows; counted when first needed. */
export class ExpertProfiles {
  readonly #routing: RoutingSource;
  readonly #layers: number;
  readonly #experts: number;
  readonly #profiles: (ExpertProfile | undefined)[] = [];

  constructor(routing: RoutingSource, layers: number, experts: number) {
    this.#routing = routing;
    this.#layers = layers;
    this.#experts = experts;
  }

  isOf(layers: number, experts: number): boolean {
    return layers === this.#layers && experts === this.#experts;
  }

  /** Groups of rows there are. */
  get groups(): number {
    return Math.ceil(this.#routing.experts.length / this.#routing.rowStride / ALIKE);
  }

  groupOf(row: number): number {
    return row >>> ALIKE_BITS;
  }

  of(group: number): ExpertProfile {
    return (this.#profiles[group] ??= this.#count(group));
  }

  #count(group: number): ExpertProfile {
    const { experts: chosen, rowStride, topk } = this.#routing;
    const base = group * ALIKE;
    const count = Math.min(ALIKE, Math.floor(chosen.length / rowStride) - base);
    const rows = new Int32Array(count);
    this.#routing.rows({ base, offset: 0, length: count, tenant: null }, 0, count, rows, 0);
    const chance = new Float32Array(this.#layers * this.#experts);
    for (let layer = 0; layer < this.#layers; layer++) {
      const column = this.#routing.column(layer);
      for (const row of rows) {
        const from = row * rowStride + column;
        for (let at = from; at < from + topk; at++) {
          if (chosen[at] >= 0) chance[layer * this.#experts + chosen[at]] += 1 / count;
        }
      }
    }
    return { rows: count, chance };
  }
}
