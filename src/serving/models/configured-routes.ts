import type { Rng } from "../../lib/rng.ts";
import type { ModelSettings, PoolShare } from "../../model/model-settings.ts";
import { PoolRouter } from "../../routing/pools/pool-router.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { ModelPlace } from "./model-place.ts";
import { type ModelRoute, type PlaceChoice, onlyPlace } from "./model-route.ts";
import type { LocalitySource } from "../locality/localities.ts";
import { Shadow } from "../shadow/shadow.ts";
import { RequestTerms } from "./request-terms.ts";

/** What the routes of models are made with. */
export interface RouteMakings {
  /** Of the models that the configuration says more of than which pools have them. */
  readonly models: readonly ModelSettings[];
  /** Memory for prefixes of each model of several pools (PrefixIndex). */
  readonly prefixIndexBytes: number;
  readonly rng: Rng;
  /** Null where no requests go by their experts. */
  readonly localities: LocalitySource | null;
}

/**
 * The checks of config/ have passed; `pools` may be some of the configuration's.
 * @returns the route of every model of the configuration that one of the pools serves, by all of its names
 */
export function configuredRoutes(
  pools: readonly ServingPool[],
  makings: RouteMakings,
): Map<string, ModelRoute> {
  const settings = new Map(makings.models.map((model) => [model.name, within(model, pools)]));
  for (const { models } of pools)
    for (const name of models) if (!settings.has(name)) settings.set(name, plain(name, pools));
  // Models that others fall back on, without what those fall back on.
  const served = [...settings.values()].filter((model) => model.pools.length > 0);
  const own = new Map(served.map((model) => [model.name, routeOf(model, pools, makings)]));
  const routes = new Map<string, ModelRoute>();
  for (const model of served) {
    const fallbacks = fallbacksOf(model, settings, own, pools);
    const route = { ...(own.get(model.name) as ModelRoute), fallbacks };
    routes.set(model.name, route);
    for (const alias of model.aliases) routes.set(alias, { ...route, places: route.places.map(renamed) });
  }
  makings.localities?.keep([...own.values()].flatMap(({ choice }) => choice?.locality ?? []));
  return routes;
}

/** What is said of a model, as far as it is of these pools. */
function within(model: ModelSettings, pools: readonly ServingPool[]): ModelSettings {
  const isThere = (name: string) => pools.some((pool) => pool.name === name);
  const shadow = model.shadow !== null && isThere(model.shadow.pool) ? model.shadow : null;
  return { ...model, pools: model.pools.filter(({ pool }) => isThere(pool)), shadow };
}

/** A model of which nothing more is said: every pool that names it serves it, alike. */
function plain(name: string, pools: readonly ServingPool[]): ModelSettings {
  const serving = pools.filter(({ models }) => models.includes(name));
  return {
    name,
    aliases: [],
    pools: serving.map((pool) => ({ pool: pool.name, model: name, weight: null, header: {} })),
    fallback: [],
    defaults: {},
    limits: { maxTokens: 0, maxInputTokens: 0 },
    shadow: null,
    locality: null,
  };
}

function routeOf(settings: ModelSettings, pools: readonly ServingPool[], makings: RouteMakings): ModelRoute {
  const { name, pools: shares, shadow } = settings;
  const places = shares.map((share) => placeOf(share, name, pools));
  const terms = RequestTerms.of(settings);
  const place = shadow === null ? null : placeOf(shadow, name, pools);
  const copies = shadow === null || place === null ? null : new Shadow(renamed(place), shadow.part);
  if (places.length === 1) return { ...onlyPlace(places[0], terms), model: name, shadow: copies };
  const choice = choiceOf(settings, places, makings);
  return { model: name, places, choice, fallbacks: [], terms, shadow: copies };
}

function choiceOf(
  settings: ModelSettings,
  places: readonly ModelPlace[],
  { prefixIndexBytes, rng, localities }: RouteMakings,
): PlaceChoice {
  const { pools: shares } = settings;
  const byParts = shares.some(({ weight }) => weight !== null);
  const parts = byParts ? Float64Array.from(shares, ({ weight }) => weight ?? 1) : null;
  const pools = places.map(({ pool }) => pool);
  const headers = shares.map(({ header }) => header);
  const locality = localities?.of(settings, pools) ?? null;
  return {
    router: new PoolRouter({ pools, parts, prefixIndexBytes, rng, locality: locality?.choice ?? null }),
    parts,
    locality,
    headers: headers.some((header) => Object.keys(header).length > 0) ? headers : null,
  };
}

function placeOf(
  { pool, model }: Pick<PoolShare, "pool" | "model">,
  name: string,
  pools: readonly ServingPool[],
): ModelPlace {
  return { pool: poolOf(pool, pools), model, asked: model === name ? null : model };
}

/** @param seen those that come before it: each is asked once */
function fallbacksOf(
  model: ModelSettings,
  settings: ReadonlyMap<string, ModelSettings>,
  own: ReadonlyMap<string, ModelRoute>,
  pools: readonly ServingPool[],
  seen = new Set<string>(),
): ModelRoute[] {
  return model.fallback.flatMap((name) => {
    if (seen.has(name)) return [];
    seen.add(name);
    const pool = pools.find((one) => one.name === name);
    if (pool !== undefined) return onlyPlace(renamed(inPool(pool, model.name)));
    const other = settings.get(name);
    // A pool that is not among these.
    if (other === undefined) return [];
    const route = own.get(name);
    const first = route === undefined ? [] : [{ ...route, places: route.places.map(renamed) }];
    return [...first, ...fallbacksOf(other, settings, own, pools, seen)];
  });
}

/** By the same name there, where the pool has that; else by its first. */
function inPool(pool: ServingPool, model: string): ModelPlace {
  return { pool, model: pool.models.includes(model) ? model : pool.models[0], asked: null };
}

/** The client has asked by another name. */
function renamed(place: ModelPlace): ModelPlace {
  return { ...place, asked: place.model };
}

function poolOf(name: string, pools: readonly ServingPool[]): ServingPool {
  return pools.find((pool) => pool.name === name) as ServingPool;
}
