import type { PoolRouter } from "../../routing/pools/pool-router.ts";
import type { HeaderList } from "../engine.ts";
import { headerOf } from "../header-list.ts";
import type { ModelLocality } from "../locality/model-locality.ts";
import type { Shadow } from "../shadow/shadow.ts";
import type { ModelPlace } from "./model-place.ts";
import type { RequestTerms } from "./request-terms.ts";

/** Where requests for a model go. */
export interface ModelRoute {
  /** The model, as the configuration or its servers call it. */
  readonly model: string;
  /** At least one. */
  readonly places: readonly ModelPlace[];
  /** Null for one place. */
  readonly choice: PlaceChoice | null;
  /** In their order: each is for what those before it cannot serve. */
  readonly fallbacks: readonly ModelRoute[];
  /** Null where requests are taken as they are. */
  readonly terms: RequestTerms | null;
  /** Null where no request is copied. */
  readonly shadow: Shadow | null;
}

/** How one of several places is chosen. */
export interface PlaceChoice {
  readonly router: PoolRouter;
  /** `[places]`: the weight of each; null where they are filled alike. */
  readonly parts: Float64Array | null;
  /** `[places]`: the headers that ask for each, by name; empty for none. Null where none has any. */
  readonly headers: readonly Readonly<Record<string, string>>[] | null;
  /** Null where it does not count which experts requests use. */
  readonly locality: ModelLocality | null;
}

/** The one place that a request can go to. */
export function onlyPlace(place: ModelPlace, terms: RequestTerms | null = null): ModelRoute {
  return { model: place.model, places: [place], choice: null, fallbacks: NO_ROUTES, terms, shadow: null };
}

/** @returns `[places]`: 1 for each that the headers ask for; null where they ask for none */
export function askedPlaces({ headers: wanted }: PlaceChoice, headers: HeaderList): Uint8Array | null {
  if (wanted === null) return null;
  let asked: Uint8Array | null = null;
  for (const [i, one] of wanted.entries()) {
    const pairs = Object.entries(one);
    if (pairs.length === 0 || pairs.some(([name, value]) => headerOf(headers, name) !== value)) continue;
    asked ??= new Uint8Array(wanted.length);
    asked[i] = 1;
  }
  return asked;
}

const NO_ROUTES: readonly ModelRoute[] = [];
