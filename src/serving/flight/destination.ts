import { hashText } from "../../routing/block-hashes.ts";
import type { PoolRequest } from "../../routing/pools/pool-states.ts";
import type { ExpertOutlook, RoutableRequest } from "../../routing/routable-request.ts";
import { type EngineRequest, instanceOf } from "../engine.ts";
import { adding } from "../engine-request.ts";
import type { ModelPlace } from "../models/model-place.ts";
import { type ModelRoute, askedPlaces } from "../models/model-route.ts";
import { generates } from "../request/api-routes.ts";
import { BLOCK_TOKENS, type RequestFacts } from "../request/request-facts.ts";
import { type ServingPool, prefillable } from "../serving-pool.ts";
import type { PoolChoiceReason } from "../traffic/traffic-observer.ts";
import type { Carrier } from "./carrier.ts";
import type { RequestLocality } from "../locality/request-locality.ts";
import type { Leg } from "./leg.ts";

/**
 * The pool that one request goes to, and the request as that pool's router and engines have it. Until its first byte it
 * may go to another: of its model, and when none of those can serve it, of those it falls back on. It goes to a pool
 * once, and to another only while no attempt is under way, so that all its attempts are of one pool at a time.
 *
 * A pool is what its line has now: where a reload has put another in its place, what is sent from then on goes there
 * (`follow`), while attempts under way end where they were begun.
 *
 * The lines of all pools that it might go to are held until it is answered, and the one that answers until its end: a
 * reload closes the last pool of none of them before.
 */
export class Destination {
  readonly generates: boolean;
  pool!: ServingPool;
  routable!: RoutableRequest;
  /** Of the decision that it is routed by; 0 where the pool has no expert plane. */
  epoch = 0;
  /** Why this pool was chosen; null where there was no choice. */
  why: PoolChoiceReason | null = null;
  /** What its client sent, and the same as the pool's engines get it; null once it is not sent again. */
  #asked: Asked | null;
  #sent: EngineRequest | null = null;
  readonly #root: ModelRoute;
  readonly #carrier: Carrier | null;
  /** Where its model's requests go by their experts; else null. */
  readonly locality: RequestLocality | null;
  /** Its place: of that route (0 is the root, then come its fallbacks), and among that route's. */
  #route = 0;
  #place = 0;
  /** Other places of the route it is on, where it was. */
  #left: readonly number[] = NOWHERE;
  #settled = false;
  /** Shards of the pool, and of its prefill, that failed it; read by the routers. */
  readonly #tried: number[] = [];
  readonly #triedPrefill: number[] = [];

  /** @param carrier null where engines send it */
  constructor(
    route: ModelRoute,
    facts: RequestFacts,
    request: EngineRequest,
    carrier: Carrier | null = null,
  ) {
    this.#root = route;
    this.#carrier = carrier;
    this.#asked = { facts, request };
    this.generates = generates(request);
    this.locality = this.generates ? (route.choice?.locality?.begin(facts) ?? null) : null;
    if (!this.#several || !this.#find()) this.#go(0, 0, null);
  }

  /** A leg of it counts on a shard of its pool. */
  sent(): void {
    const { inputTokens, outputTokens } = this.routable;
    this.locality?.sentTo(this.#route === 0 ? this.#place : -1, inputTokens + outputTokens);
  }

  /** The model as clients ask for it. */
  get model(): string {
    return this.#root.model;
  }

  /** As the pool's engines get it. */
  get request(): EngineRequest {
    return this.#sent as EngineRequest;
  }

  /** Where it is prefilled; null where the shards of `pool` prefill what they answer. */
  get prefill(): ServingPool | null {
    return this.generates ? this.pool.prefill : null;
  }

  /** The same request for those that prefill only. */
  get prefillable(): RoutableRequest {
    return prefillable(this.routable, this.#triedPrefill);
  }

  /** Whether a shard of the pool may serve it that has not failed it. */
  get hasShard(): boolean {
    return this.pool.unavailable(this.routable, this.generates, this.#triedPrefill) === null;
  }

  /** The leg's shard has failed it. */
  tried(leg: Leg): void {
    const { prefill } = this;
    const ofPrefill = prefill !== null && leg.pool.line === prefill.line;
    const place = leg.placeIn(ofPrefill ? prefill : this.pool);
    if (place >= 0) (ofPrefill ? this.#triedPrefill : this.#tried).push(place);
  }

  /** Every shard may be tried again. @returns whether one was */
  forgetTried(): boolean {
    const was = this.#tried.length > 0 || this.#triedPrefill.length > 0;
    this.#tried.length = 0;
    this.#triedPrefill.length = 0;
    return was;
  }

  /** Its life begins. */
  hold(): void {
    if (this.#several) this.#count(1);
    else this.pool.line.flights++;
  }

  /** It is answered from here, and goes nowhere else. */
  settle(): void {
    if (!this.#several) return;
    this.#count(-1);
    this.pool.line.flights++;
    this.#settled = true;
  }

  /** It is over. */
  letGo(): void {
    if (this.#settled || !this.#several) this.pool.line.flights--;
    else this.#count(-1);
  }

  /** It is not sent again: its body is not kept. @returns whether that is news */
  release(): boolean {
    const was = this.#asked !== null;
    this.#asked = null;
    this.#sent = null;
    return was;
  }

  /** It has waited: the choice is made by what is known now. */
  chooseAnew(): void {
    if (!this.#several) return;
    this.#left = NOWHERE;
    this.#route = 0;
    if (!this.#find()) this.#go(0, 0, null);
  }

  /** Goes where its pool's place was taken, with what is known of the shards that stay. */
  follow(): void {
    const { pool: before, prefill } = this;
    if (before.current === before) return;
    this.#enter(this.#routeAt(this.#route).places[this.#place]);
    placesIn(this.#tried, before, this.pool);
    if (prefill !== null && this.prefill !== null) placesIn(this.#triedPrefill, prefill, this.prefill);
  }

  /** Whether another pool may serve it. */
  hasAnother(): boolean {
    if (!this.#several) return false;
    const left = [...this.#left, this.#place];
    for (let i = this.#route; i <= this.#root.fallbacks.length; i++) {
      const route = this.#routeAt(i);
      const out = i === this.#route ? left : NOWHERE;
      const serves =
        route.choice === null
          ? out.length === 0 && this.#serves(route.places[0])
          : route.choice.router.canServe(this.#asOf(route, out));
      if (serves) return true;
    }
    return false;
  }

  /** Goes to the best other pool. @returns false when none may serve it; then it stays */
  moveOn(): boolean {
    if (!this.#several) return false;
    this.#left = [...this.#left, this.#place];
    return this.#find("moved");
  }

  #count(by: 1 | -1): void {
    const { places, fallbacks } = this.#root;
    for (const { pool } of places) pool.line.flights += by;
    for (const route of fallbacks) for (const { pool } of route.places) pool.line.flights += by;
  }

  get #several(): boolean {
    return this.#root.fallbacks.length > 0 || this.#root.places.length > 1;
  }

  #routeAt(i: number): ModelRoute {
    return i === 0 ? this.#root : this.#root.fallbacks[i - 1];
  }

  /** The first route from its own on that has a place for it. */
  #find(why: PoolChoiceReason | null = null): boolean {
    for (let i = this.#route; i <= this.#root.fallbacks.length; i++) {
      const route = this.#routeAt(i);
      const left = i === this.#route ? this.#left : NOWHERE;
      const { choice } = route;
      const request = choice === null ? null : this.#asOf(route, left);
      let place = left.length === 0 && this.#serves(route.places[0]) ? 0 : -1;
      if (request !== null) place = choice?.router.choose(request) ?? -1;
      if (place < 0) continue;
      this.#left = left;
      this.#go(i, place, i > 0 ? "fallback" : (why ?? reason(route, request, place)));
      return true;
    }
    return false;
  }

  #go(route: number, at: number, why: PoolChoiceReason | null): void {
    const place = this.#routeAt(route).places[at];
    const { request } = this.#asked as Asked;
    this.#route = route;
    this.#place = at;
    this.why = why;
    this.forgetTried();
    this.#enter(place);
    this.#sent = place.asked === null ? request : asking(request, place.asked);
  }

  #enter(place: ModelPlace): void {
    const { tenant, prefix, affinityKey } = (this.#asked as Asked).facts;
    const { current } = place.pool;
    this.pool = current;
    this.epoch = current.snapshot?.epoch ?? 0;
    const experts = current.experts?.of(tenant, prefix) ?? null;
    this.routable = this.#inPool(place, affinityKey, experts, this.#tried);
  }

  #serves(place: ModelPlace): boolean {
    return place.pool.current.unavailable(this.#inPool(place, 0, null, NOWHERE), this.generates) === null;
  }

  #inPool(
    { pool, model }: ModelPlace,
    affinityKey: number,
    experts: ExpertOutlook | null,
    tried: readonly number[],
  ): RoutableRequest {
    const { inputTokens, maxTokens, prefix, rank } = (this.#asked as Asked).facts;
    return {
      model,
      inputTokens,
      outputTokens: pool.current.expectedOutput(maxTokens),
      prefix,
      blockTokens: BLOCK_TOKENS,
      affinityKey,
      experts,
      pinnedRank: rankNow(pool, rank),
      among: this.#carrier?.among(pool.current) ?? null,
      tried,
    };
  }

  /** The request as pools are chosen for it. @param left places of the route that are out of the question */
  #asOf(route: ModelRoute, left: readonly number[]): PoolRequest {
    const { places, choice } = route;
    const { facts, request } = this.#asked as Asked;
    const { session } = facts;
    const carrier = this.#carrier;
    return {
      ...this.#inPool(places[0], session === null ? 0 : hashText(session), null, left),
      generates: this.generates,
      models: places.map(({ model }) => model),
      amongs: carrier === null ? null : places.map(({ pool }) => carrier.among(pool.current)),
      asked: choice === null ? null : askedPlaces(choice, request.headers),
      locality: route === this.#root ? (this.locality?.question ?? null) : null,
    };
  }
}

interface Asked {
  readonly facts: RequestFacts;
  readonly request: EngineRequest;
}

const NOWHERE: readonly number[] = [];

/** The rank that a request asked this pool for, in the pool that has its place now. */
function rankNow(pool: ServingPool, rank: number): number {
  const { current } = pool;
  const { shards } = pool.engine;
  if (current === pool || rank < 0 || rank >= shards.length) return rank;
  const place = current.placeOf(instanceOf(shards[rank]));
  // A rank that is gone is one that no shard has.
  return place < 0 ? current.engine.shards.length : place;
}

/** The shards of one pool, by their places in another; those that are not there go. */
function placesIn(list: number[], from: ServingPool, to: ServingPool): void {
  const there = list.map((shard) => to.placeOf(instanceOf(from.engine.shards[shard])));
  list.splice(0, list.length, ...there.filter((place) => place >= 0));
}

function reason({ choice }: ModelRoute, request: PoolRequest | null, place: number): PoolChoiceReason {
  if (choice === null) return "only";
  if (request?.asked?.[place] === 1) return "header";
  if (request?.locality?.acts === true && request.locality.place === place) return "locality";
  return choice.parts !== null ? "weight" : "load";
}

/** The request for the model of this name. A form keeps the name that its client gave. */
function asking(request: EngineRequest, model: string): EngineRequest {
  if (request.fields === undefined) return request;
  return adding(request, `"model":${JSON.stringify(model)}`);
}
