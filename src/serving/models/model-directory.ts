import { nearestWords } from "../../lib/edit-distance.ts";
import type { ModelCard } from "../engine.ts";
import { NoShardAvailable } from "../refusals.ts";
import type { ServingPool } from "../serving-pool.ts";
import { type RouteMakings, configuredRoutes } from "./configured-routes.ts";
import type { ModelPlace } from "./model-place.ts";
import { type ModelRoute, onlyPlace } from "./model-route.ts";
import type { ModelRefresh } from "./model-refresh.ts";

/** Doubled names that are remembered, so that each is reported once. */
const MOST_REPORTED = 1000;
/** By then the servers have been asked again. */
const RETRY_AFTER_SECONDS = 1;
/** Names that an unknown one is held against, and of these the most that are said. */
const MOST_COMPARED = 200;
const MOST_NEAR = 3;

/** Finds where a model's requests go: those that the configuration names, and the adapters that servers list. */
export class ModelDirectory {
  readonly #pools: readonly ServingPool[];
  readonly #refresh: ModelRefresh;
  readonly #onNotice: (line: string) => void;
  readonly #routes: ReadonlyMap<string, ModelRoute>;
  readonly #reported = new Set<string>();

  /** @param onNotice receives one line for a person */
  constructor(
    pools: readonly ServingPool[],
    makings: RouteMakings,
    refresh: ModelRefresh,
    onNotice: (line: string) => void,
  ) {
    this.#pools = pools;
    this.#refresh = refresh;
    this.#onNotice = onNotice;
    this.#routes = configuredRoutes(pools, makings);
  }

  /** The models of the configuration, without their aliases. */
  get configured(): readonly string[] {
    return [...this.#routes].filter(([name, { model }]) => name === model).map(([name]) => name);
  }

  /** The routes of models whose requests, or copies of them, may go to several places; each once. */
  get choices(): readonly ModelRoute[] {
    const all = [...this.#routes].filter(([name, { model }]) => name === model).map(([, route]) => route);
    return all.filter(
      ({ places, fallbacks, shadow }) => places.length + fallbacks.length > 1 || shadow !== null,
    );
  }

  /** Null when no known server lists the model. */
  find(model: string): ModelRoute | null {
    const route = this.#routes.get(model) ?? this.#adapter(model);
    return route === null ? this.#marked(model) : inTheirSyntax(route);
  }

  /**
   * Null when `find` knows where the model is, or will not learn it soon; else resolves, within a second, when the
   * servers were asked again.
   */
  lookUp(model: string): Promise<void> | null {
    return this.find(model) === null ? this.#refresh.join() : null;
  }

  /** The known names that a client most likely meant, the nearest first. */
  near(model: string): readonly string[] {
    const listed = this.#pools.flatMap(({ health }) => health.models.adapters);
    const known = [...this.#routes.keys(), ...listed];
    return nearestWords(model, new Set(known.slice(0, MOST_COMPARED)), MOST_NEAR);
  }

  /** Takes over what routing among the pools of the same models has learned. */
  resume(before: ModelDirectory): void {
    for (const { model, choice } of this.choices) {
      const old = before.#routes.get(model)?.choice ?? null;
      if (choice !== null && old !== null) choice.router.resume(old.router);
    }
  }

  /**
   * What the servers list that are ready, merged: of one name the first card, in the order of pools and servers. Of
   * pools that can serve and list nothing, the configured models. Names that only the configuration has are listed as
   * the model they stand for.
   * @throws NoShardAvailable when none can
   */
  async cards(): Promise<readonly ModelCard[]> {
    if (this.#pools.every(({ health }) => health.models.cards === null)) await this.#refresh.join();
    const merged = new Map<string, ModelCard>();
    for (const pool of this.#pools)
      for (const card of cardsOf(pool)) if (!merged.has(card.id)) merged.set(card.id, card);
    for (const [name, { places }] of this.#routes) {
      const card = places.map(({ model }) => merged.get(model)).find((one) => one !== undefined);
      if (!merged.has(name) && card !== undefined) merged.set(name, { ...card, id: name });
    }
    if (merged.size > 0) return [...merged.values()];
    const names = this.#pools.map(({ engine }) => engine.pool).join(", ");
    throw new NoShardAvailable("not_ready", names, null, RETRY_AFTER_SECONDS);
  }

  /** It goes where its model goes, as far as it is listed there. */
  #adapter(adapter: string): ModelRoute | null {
    const pools = this.#pools.filter((pool) => listsAdapter(pool, adapter));
    if (pools.length === 0) return null;
    const base = pools.map((pool) => this.#baseOf(adapter, pool)).find((route) => route !== null);
    const serving = base === undefined ? [pools[0]] : base.places.map(({ pool }) => pool);
    if (!pools.every((pool) => serving.includes(pool))) this.#doubled(adapter, pools, serving);
    if (base === undefined) return onlyPlace({ pool: pools[0], model: adapter, asked: null });
    const places = serving.map((pool) => ({ pool, model: adapter, asked: null }));
    return { ...base, model: adapter, places, fallbacks: [], shadow: null };
  }

  /** The route of the model that it adapts in that pool; null where that is not served from there. */
  #baseOf(adapter: string, pool: ServingPool): ModelRoute | null {
    const route = this.#routes.get(pool.health.models.parentOf(adapter) as string);
    return route?.places.some((place) => place.pool === pool) === true ? route : null;
  }

  /** `base:adapter`, as SGLang takes it: goes where the adapter is listed, else to one that serves the base. */
  #marked(model: string): ModelRoute | null {
    for (const pool of this.#pools) {
      const { adapterMark } = pool.engine;
      const base = pool.models.find(
        (one) => adapterMark !== undefined && model.startsWith(one + adapterMark),
      );
      if (base === undefined) continue;
      const route = this.#adapter(model.slice(base.length + 1));
      if (route === null) return onlyPlace({ pool, model: base, asked: null });
      const places = route.places.map((place) => {
        const asked = marked(place) ?? place.model;
        return { ...place, asked: asked === model ? null : asked };
      });
      return { ...route, places };
    }
    return null;
  }

  #doubled(adapter: string, pools: readonly ServingPool[], serving: readonly ServingPool[]): void {
    if (this.#reported.has(adapter) || this.#reported.size >= MOST_REPORTED) return;
    this.#reported.add(adapter);
    const said = (some: readonly ServingPool[]) => some.map(({ name }) => name).join(" and ");
    const where = said(pools.filter((pool) => serving.includes(pool)));
    this.#onNotice(
      `the adapter ${JSON.stringify(adapter)} is listed in ${said(pools)}; requests for it go to ${where}`,
    );
  }
}

/** Where its servers do not say what they list, but can serve: what it is configured for. */
function cardsOf({ health }: ServingPool): readonly ModelCard[] {
  return health.models.cards ?? (health.lack === null ? health.models.unlisted : []);
}

/** SGLang lists adapters by their own names, but serves its base model to a request with such a name. */
function inTheirSyntax(route: ModelRoute): ModelRoute {
  const fallbacks = route.fallbacks.length === 0 ? route.fallbacks : route.fallbacks.map(inTheirSyntax);
  if (fallbacks.length === 0 && route.places.every((place) => marked(place) === null)) return route;
  const places = route.places.map((place) => {
    const asked = marked(place);
    return asked === null ? place : { ...place, asked };
  });
  return { ...route, places, fallbacks };
}

function marked({ pool, model }: ModelPlace): string | null {
  const { adapterMark } = pool.engine;
  const parent = adapterMark === undefined ? null : pool.health.models.parentOf(model);
  return parent === null ? null : `${parent}${adapterMark}${model}`;
}

/** Servers that prefill must have it too. */
function listsAdapter({ health, prefill }: ServingPool, model: string): boolean {
  const lists = (part: ServingPool["health"]) => part.models.parentOf(model) !== null;
  return lists(health) && (prefill === null || lists(prefill.health));
}
