import { hashText } from "../../routing/block-hashes.ts";
import type { PoolRequest } from "../../routing/pools/pool-states.ts";
import type { ExpertOutlook, RoutableRequest } from "../../routing/routable-request.ts";
import { joined } from "../../lib/json-fields.ts";
import type { EngineRequest } from "../engine.ts";
import type { ModelPlace } from "../models/model-place.ts";
import { type ModelRoute, askedPlaces } from "../models/model-route.ts";
import { generates } from "../request/api-routes.ts";
import { BLOCK_TOKENS, type RequestFacts } from "../request/request-facts.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { PoolChoiceReason } from "../traffic/traffic-observer.ts";

/**
 * The pool that one request goes to, and the request as that pool's router and engines have it. Until its first byte it
 * may go to another: of its model, and when none of those can serve it, of those it falls back on. It goes to a pool
 * once, and to another only while no attempt is under way, so that all its attempts are of one pool at a time.
 *
 * All pools that it might go to are held until it is answered, and the one that answers until its end: a reload closes
 * none of them before.
 */
export class Destination {
  /** Shards of the pool that failed it; read by the router. */
  readonly tried: number[] = [];
  readonly triedPrefill: number[] = [];
  readonly generates: boolean;
  pool!: ServingPool;
  /** Where it is prefilled; null where the shards of `pool` prefill what they answer. */
  prefill!: ServingPool | null;
  routable!: RoutableRequest;
  /** Of the decision that it is routed by; 0 where the pool has no expert plane. */
  epoch = 0;
  /** Why this pool was chosen; null where there was no choice. */
  why: PoolChoiceReason | null = null;
  /** What its client sent, and the same as the pool's engines get it; null once it is not sent again. */
  #asked: Asked | null;
  #sent: EngineRequest | null = null;
  readonly #root: ModelRoute;
  /** Its place: of that route (0 is the root, then come its fallbacks), and among that route's. */
  #route = 0;
  #place = 0;
  /** Other places of the route it is on, where it was. */
  #left: readonly number[] = NOWHERE;
  #settled = false;

  constructor(route: ModelRoute, facts: RequestFacts, request: EngineRequest) {
    this.#root = route;
    this.#asked = { facts, request };
    this.generates = generates(request);
    if (!this.#several || !this.#find()) this.#go(0, 0, null);
  }

  /** The model as clients ask for it. */
  get model(): string {
    return this.#root.model;
  }

  /** As the pool's engines get it. */
  get request(): EngineRequest {
    return this.#sent as EngineRequest;
  }

  /** Its life begins. */
  hold(): void {
    if (this.#several) this.#count(1);
    else this.pool.flights++;
  }

  /** It is answered from here, and goes nowhere else. */
  settle(): void {
    if (!this.#several) return;
    this.#count(-1);
    this.pool.flights++;
    this.#settled = true;
  }

  /** It is over. */
  letGo(): void {
    if (this.#settled || !this.#several) this.pool.flights--;
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
    for (const { pool } of places) pool.flights += by;
    for (const route of fallbacks) for (const { pool } of route.places) pool.flights += by;
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
    const { pool, asked } = place;
    const { facts, request } = this.#asked as Asked;
    const { tenant, prefix, affinityKey } = facts;
    this.#route = route;
    this.#place = at;
    this.why = why;
    this.tried.length = 0;
    this.triedPrefill.length = 0;
    this.pool = pool;
    this.epoch = pool.snapshot?.epoch ?? 0;
    this.prefill = this.generates ? pool.prefill : null;
    const experts = pool.experts?.of(tenant, prefix) ?? null;
    this.routable = this.#inPool(place, affinityKey, experts, this.tried);
    this.#sent = asked === null ? request : asking(request, asked);
  }

  #serves(place: ModelPlace): boolean {
    return place.pool.unavailable(this.#inPool(place, 0, null, NOWHERE), this.generates) === null;
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
      outputTokens: pool.expectedOutput(maxTokens),
      prefix,
      blockTokens: BLOCK_TOKENS,
      affinityKey,
      experts,
      pinnedRank: rank,
      tried,
    };
  }

  /** The request as pools are chosen for it. @param left places of the route that are out of the question */
  #asOf({ places, choice }: ModelRoute, left: readonly number[]): PoolRequest {
    const { facts, request } = this.#asked as Asked;
    const { session } = facts;
    return {
      ...this.#inPool(places[0], session === null ? 0 : hashText(session), null, left),
      generates: this.generates,
      models: places.map(({ model }) => model),
      asked: choice === null ? null : askedPlaces(choice, request.headers),
    };
  }
}

interface Asked {
  readonly facts: RequestFacts;
  readonly request: EngineRequest;
}

const NOWHERE: readonly number[] = [];

function reason({ choice }: ModelRoute, request: PoolRequest | null, place: number): PoolChoiceReason {
  if (choice === null) return "only";
  if (request?.asked?.[place] === 1) return "header";
  return choice.parts !== null ? "weight" : "load";
}

/** The request for the model of this name. A form keeps the name that its client gave. */
function asking(request: EngineRequest, model: string): EngineRequest {
  if (request.fields === undefined) return request;
  return { ...request, added: joined(request.added, `"model":${JSON.stringify(model)}`) };
}
