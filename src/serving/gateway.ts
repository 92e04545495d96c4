import type { Carrier } from "./flight/carrier.ts";
import type { Client } from "./flight/client.ts";
import type { ResponseHome } from "./affinity/response-homes.ts";
import { isOwnedBy, ownedId } from "./affinity/response-owner.ts";
import { ResponseSearch } from "./affinity/response-search.ts";
import type { EngineRequest, ModelCard } from "./engine.ts";
import { withAnswerId } from "./engine-request.ts";
import { Flight } from "./flight/flight.ts";
import type { FlightDeck } from "./flight/flight-deck.ts";
import type { RouteMakings } from "./models/configured-routes.ts";
import { ModelDirectory } from "./models/model-directory.ts";
import { type ModelRoute, onlyPlace } from "./models/model-route.ts";
import type { ModelRefresh } from "./models/model-refresh.ts";
import { InvalidRequest, UnknownModel, UnknownResponse } from "./refusals.ts";
import { generates, storesResponse } from "./request/api-routes.ts";
import type { RequestFacts } from "./request/request-facts.ts";
import type { ServingPool } from "./serving-pool.ts";
import { ShadowTraffic } from "./shadow/shadow-traffic.ts";
import type { RequestTrace } from "./tracing/request-trace.ts";

/** The most models that a refusal names. */
const MOST_NAMED = 10;

/** Where a model's requests may go. */
export interface ModelChoice {
  readonly model: string;
  /** Those of the model; `weight` is null where they are filled alike. */
  readonly pools: readonly { readonly pool: string; readonly weight: number | null }[];
  /** Those that are asked when none of `pools` can serve, in that order. */
  readonly fallback: readonly string[];
  /** Where copies of its requests go; null for nowhere. */
  readonly shadow: string | null;
}

interface Home extends ResponseHome {
  readonly pool: ServingPool;
}

/** Finds the pools that serve a request's model, and sends the request on its way. */
export class Gateway {
  readonly pools: readonly ServingPool[];
  readonly deck: FlightDeck;
  readonly #directory: ModelDirectory;
  readonly #search = new ResponseSearch();
  /** Null until a request is copied. */
  #copies: ShadowTraffic | null = null;
  /** Whether every request goes to the same server. */
  readonly #isOneServer: boolean;

  /** @param onNotice receives one line for a person */
  constructor(
    pools: readonly ServingPool[],
    deck: FlightDeck,
    makings: RouteMakings,
    refresh: ModelRefresh,
    onNotice: (line: string) => void,
  ) {
    this.pools = pools;
    this.deck = deck;
    this.#isOneServer = pools.length === 1 && pools[0].engine.servers.length === 1;
    this.#directory = new ModelDirectory(pools, makings, refresh, onNotice);
  }

  /**
   * Null when the request can be sent at once. For a model that no known server lists it resolves, within a second,
   * when the servers were asked again what they list: an adapter may have been loaded since. Then it can be sent. The
   * same holds for a stored response whose server is not known here.
   * @throws UnknownResponse
   */
  lookUp(facts: RequestFacts, { headers }: EngineRequest): Promise<void> | null {
    const { model, responseId, owner } = facts;
    if (responseId !== null && this.#homeFor(facts, responseId) === null && !this.#isOneServer)
      return this.#search.find(responseId, owner, this.pools, headers);
    return model === null || model === "" ? null : this.#directory.lookUp(model);
  }

  /**
   * The client receives the answer or the refusal, which may come at once.
   * @param carrier null where the engine sends the request; what a proxy carries is not copied to a shadow pool
   * @throws InvalidRequest, UnknownModel, UnknownResponse
   */
  send(
    facts: RequestFacts,
    asked: EngineRequest,
    client: Client,
    trace: RequestTrace | null = null,
    carrier: Carrier | null = null,
  ): Flight {
    const home = facts.responseId === null ? null : this.#homeFor(facts, facts.responseId);
    const { owner } = facts;
    const mayBeKept = owner !== null && generates(asked) && storesResponse(asked.path);
    const request = mayBeKept ? withAnswerId(asked, () => ownedId(owner)) : asked;
    const route = home !== null && facts.model === null ? atHome(home.pool) : this.#routeOf(facts);
    if (facts.models !== null && !isAmong(facts.models, facts.model, route)) throw notServed(facts);
    const { facts: taken, request: sent } =
      route.terms === null ? { facts, request } : route.terms.take(facts, request);
    const { shadow } = route;
    const answered =
      shadow === null || carrier !== null
        ? client
        : this.#shadows().mirror(shadow, route, taken, sent, client);
    const place = home === null ? undefined : route.places.find(({ pool }) => pool === home.pool);
    if (home === null || place === undefined)
      return new Flight(this.deck, route, taken, sent, answered, trace, carrier).start();
    // Only the server that gave a response has it.
    const known = { ...taken, rank: home.shard };
    return new Flight(this.deck, onlyPlace(place), known, sent, answered, trace, carrier).start();
  }

  /** What the ready servers of all pools list, merged. @throws NoShardAvailable when it is known for none of them */
  models(): Promise<readonly ModelCard[]> {
    return this.#directory.cards();
  }

  /** The models whose requests may go to several pools. */
  get choices(): readonly ModelChoice[] {
    return this.#directory.choices.map(({ model, places, choice, fallbacks, shadow }) => ({
      model,
      pools: places.map(({ pool }, i) => ({ pool: pool.engine.pool, weight: choice?.parts?.[i] ?? null })),
      fallback: fallbacks.flatMap((route) => route.places).map(({ pool }) => pool.engine.pool),
      shadow: shadow?.place.pool.engine.pool ?? null,
    }));
  }

  /** The known names that a client most likely meant, as one sentence with a space before it; empty for none. */
  didYouMean(model: string): string {
    const near = this.#directory.near(model).map((name) => `\`${name}\``);
    if (near.length < 2) return near.length === 0 ? "" : ` Did you mean ${near[0]}?`;
    return ` Did you mean ${near.slice(0, -1).join(", ")} or ${near.at(-1)}?`;
  }

  /** Goes on where another gateway was. */
  resume(before: Gateway): void {
    this.#directory.resume(before.#directory);
    this.#copies = before.#copies;
  }

  #shadows(): ShadowTraffic {
    return (this.#copies ??= new ShadowTraffic(this.deck));
  }

  /**
   * Where a stored response is; null where that is not known.
   * @throws UnknownResponse where it is not known to be its owner's who asks: as for one that nobody has
   */
  #homeFor({ owner, fields }: RequestFacts, responseId: string): Home | null {
    const home = this.#home(responseId);
    if (owner === null || home?.owner === owner || isOwnedBy(responseId, owner)) return home;
    throw new UnknownResponse(responseId, fields === null ? "id" : "previous_response_id");
  }

  #home(responseId: string): Home | null {
    for (const pool of this.pools) {
      const home = pool.responses.of(responseId);
      if (home !== null) return { pool, ...home };
    }
    return null;
  }

  /** A request for an unknown response is sent all the same: the engine answers it in its own words. */
  #routeOf(facts: RequestFacts): ModelRoute {
    const { model, responseId, models } = facts;
    if (responseId !== null && model === null) return atHome(this.pools[0]);
    const wanted = model === null || model === "" ? this.#onlyModel(models) : model;
    const route = this.#directory.find(wanted);
    if (route !== null) return route;
    if (models !== null) throw notServed(facts);
    throw new UnknownModel(`No pool serves the model \`${wanted}\`.${this.didYouMean(wanted)}`);
  }

  /** The model of a request that names none, as servers of a single model allow. */
  #onlyModel(models: ReadonlySet<string> | null): string {
    const all = this.#directory.configured;
    const configured = models === null ? all : all.filter((name) => models.has(name));
    if (configured.length === 1) return configured[0];
    const named = configured.slice(0, MOST_NAMED).join(", ");
    const more = configured.length > MOST_NAMED ? ", …" : "";
    throw new InvalidRequest(`\`model\` must be the name of a model: ${named}${more}.`, "model");
  }
}

/** Whether a request is for one of these models, by the name that it gives, or the one that this stands for. */
function isAmong(models: ReadonlySet<string>, asked: string | null, { model, places }: ModelRoute): boolean {
  if (asked !== null && asked !== "") return models.has(asked) || models.has(model);
  return models.has(model) || places.some(({ pool }) => pool.models.some((name) => models.has(name)));
}

/** Of a client that may ask for some models alone: the same words whether there is such a model or not. */
function notServed({ model }: RequestFacts): UnknownModel {
  return new UnknownModel(`There is no model \`${model ?? ""}\` that this key may ask for.`);
}

function atHome(pool: ServingPool): ModelRoute {
  return onlyPlace({ pool, model: pool.models[0], asked: null });
}
