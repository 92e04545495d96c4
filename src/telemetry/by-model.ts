/** Models that a pool's servers list beside those of its configuration, e.g. adapters: so many have series of their own. */
const MOST_LISTED = 100;
/** A longer name is cut. */
const LONGEST_NAME = 200;
/** The label of what the others did. */
const OTHER_MODELS = "other";

/** Something of each model of each pool, for a bounded number of models. */
export class ByModel<T> {
  readonly #pools = new Map<string, Map<string, T>>();
  readonly #listed = new Map<string, number>();
  readonly #begin: (pool: string, model: string) => T;

  /** @param begin makes what a model begins with */
  constructor(begin: (pool: string, model: string) => T) {
    this.#begin = begin;
  }

  /** By pool, then by model. */
  get all(): ReadonlyMap<string, ReadonlyMap<string, T>> {
    return this.#pools;
  }

  /** Models of the configuration, which all have their own. */
  begin(pool: string, models: readonly string[]): void {
    const known = this.#of(pool);
    for (const name of models) {
      const model = label(name);
      if (!known.has(model)) known.set(model, this.#begin(pool, model));
    }
  }

  /** That of a model, or of all that are too many. */
  of(pool: string, name: string): T {
    const known = this.#of(pool);
    const model = label(name);
    const own = known.get(model);
    if (own !== undefined) return own;
    const listed = this.#listed.get(pool) ?? 0;
    if (listed >= MOST_LISTED) {
      const other = known.get(OTHER_MODELS) ?? this.#begin(pool, OTHER_MODELS);
      known.set(OTHER_MODELS, other);
      return other;
    }
    this.#listed.set(pool, listed + 1);
    const begun = this.#begin(pool, model);
    known.set(model, begun);
    return begun;
  }

  #of(pool: string): Map<string, T> {
    const known = this.#pools.get(pool);
    if (known !== undefined) return known;
    const models = new Map<string, T>();
    this.#pools.set(pool, models);
    return models;
  }
}

function label(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}
