import type { ModelCard } from "../engine.ts";
import { NoShardAvailable } from "../refusals.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { ModelRefresh } from "./model-refresh.ts";

/** Doubled names that are remembered, so that each is reported once. */
const MOST_REPORTED = 1000;
/** By then the servers have been asked again. */
const RETRY_AFTER_SECONDS = 1;

/** Where requests for a model go. */
export interface ModelPlace {
  readonly pool: ServingPool;
  /** The name by which the shards that serve it are found. */
  readonly model: string;
  /** The name the engine wants in place of the client's; null to keep the client's. */
  readonly asked: string | null;
}

/** Finds the pool of a model: those that the configuration names, and the adapters that servers list. */
export class ModelDirectory {
  readonly #pools: readonly ServingPool[];
  readonly #refresh: ModelRefresh;
  readonly #onNotice: (line: string) => void;
  readonly #configured = new Map<string, ModelPlace>();
  readonly #reported = new Set<string>();

  /** @param onNotice receives one line for a person */
  constructor(pools: readonly ServingPool[], refresh: ModelRefresh, onNotice: (line: string) => void) {
    this.#pools = pools;
    this.#refresh = refresh;
    this.#onNotice = onNotice;
    for (const pool of pools)
      for (const model of pool.models) this.#configured.set(model, { pool, model, asked: null });
  }

  /** The names of the configuration. */
  get configured(): readonly string[] {
    return [...this.#configured.keys()];
  }

  /** Null when no known server lists the model. */
  find(model: string): ModelPlace | null {
    const place = this.#configured.get(model) ?? this.#adapter(model);
    return place === null ? this.#marked(model) : inItsSyntax(place);
  }

  /**
   * Null when `find` knows where the model is, or will not learn it soon; else resolves, within a second, when the
   * servers were asked again.
   */
  lookUp(model: string): Promise<void> | null {
    return this.find(model) === null ? this.#refresh.join() : null;
  }

  /**
   * What the servers list that are ready, merged: of one name the first card, in the order of pools and servers. Of
   * pools that can serve and list nothing, the configured models.
   * @throws NoShardAvailable when none can
   */
  async cards(): Promise<readonly ModelCard[]> {
    if (this.#pools.every(({ health }) => health.models.cards === null)) await this.#refresh.join();
    const merged = new Map<string, ModelCard>();
    for (const pool of this.#pools)
      for (const card of cardsOf(pool)) if (!merged.has(card.id)) merged.set(card.id, card);
    if (merged.size > 0) return [...merged.values()];
    const names = this.#pools.map(({ engine }) => engine.pool).join(", ");
    throw new NoShardAvailable("not_ready", names, null, RETRY_AFTER_SECONDS);
  }

  /** The first pool that lists it has it. */
  #adapter(model: string): ModelPlace | null {
    const pools = this.#pools.filter((pool) => listsAdapter(pool, model));
    if (pools.length === 0) return null;
    if (pools.length > 1) this.#doubled(model, pools);
    return { pool: pools[0], model, asked: null };
  }

  /** `base:adapter`, as SGLang takes it: goes where the adapter is listed, else to all that serve the base. */
  #marked(model: string): ModelPlace | null {
    for (const pool of this.#pools) {
      const { adapterMark } = pool.engine;
      const base = pool.models.find(
        (one) => adapterMark !== undefined && model.startsWith(one + adapterMark),
      );
      if (base === undefined) continue;
      const adapter = model.slice(base.length + 1);
      return { pool, model: listsAdapter(pool, adapter) ? adapter : base, asked: null };
    }
    return null;
  }

  #doubled(model: string, pools: readonly ServingPool[]): void {
    if (this.#reported.has(model) || this.#reported.size >= MOST_REPORTED) return;
    this.#reported.add(model);
    const names = pools.map(({ engine }) => engine.pool);
    this.#onNotice(
      `the adapter ${JSON.stringify(model)} is listed in ${names.join(" and ")}; requests for it go to ${names[0]}`,
    );
  }
}

/** Where its servers do not say what they list, but can serve: what it is configured for. */
function cardsOf({ health }: ServingPool): readonly ModelCard[] {
  return health.models.cards ?? (health.lack === null ? health.models.unlisted : []);
}

/** SGLang lists adapters by their own names, but serves its base model to a request with such a name. */
function inItsSyntax(place: ModelPlace): ModelPlace {
  const { pool, model } = place;
  const { adapterMark } = pool.engine;
  const parent = adapterMark === undefined ? null : pool.health.models.parentOf(model);
  return parent === null ? place : { ...place, asked: `${parent}${adapterMark}${model}` };
}

/** Servers that prefill must have it too. */
function listsAdapter({ health, prefill }: ServingPool, model: string): boolean {
  const lists = (part: ServingPool["health"]) => part.models.parentOf(model) !== null;
  return lists(health) && (prefill === null || lists(prefill.health));
}
