import type { RequestFacts } from "../request/request-facts.ts";
import { BLOCK_TOKENS } from "../request/request-facts.ts";
import type { ExpertOutlook, RoutableRequest } from "../../routing/routable-request.ts";
import { instanceOf } from "../engine.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { Leg } from "./leg.ts";

/** A request as routers read it; what names shards moves on with its pool. */
interface Routable extends RoutableRequest {
  experts: ExpertOutlook | null;
  pinnedRank: number;
}

/**
 * The pool that one request is sent to, and what is known there of it. A reload may put another in the place of the pool
 * that the request came to: what is sent from then on goes there, while attempts under way end where they were begun.
 */
export class Destination {
  readonly routable: RoutableRequest;
  readonly #routable: Routable;
  readonly #tenant: string;
  readonly #prefills: boolean;
  readonly #tried: number[] = [];
  readonly #triedPrefill: number[] = [];
  #pool: ServingPool;

  /** @param prefills whether the pool's servers for that prefill the request, where it has some */
  constructor(
    pool: ServingPool,
    facts: RequestFacts,
    model: string,
    outputTokens: number,
    prefills: boolean,
  ) {
    this.#pool = pool;
    this.#prefills = prefills;
    this.#tenant = facts.tenant;
    this.#routable = {
      model,
      inputTokens: facts.inputTokens,
      outputTokens,
      prefix: facts.prefix,
      blockTokens: BLOCK_TOKENS,
      affinityKey: facts.affinityKey,
      experts: pool.experts?.of(facts.tenant, facts.prefix) ?? null,
      pinnedRank: facts.rank,
      tried: this.#tried,
    };
    this.routable = this.#routable;
  }

  get pool(): ServingPool {
    return this.#pool;
  }

  /** Null where the shards of `pool` prefill what they answer. */
  get prefill(): ServingPool | null {
    return this.#prefills ? this.#pool.prefill : null;
  }

  /** The same request for those that prefill only. */
  get prefillable(): RoutableRequest {
    return { ...this.#routable, outputTokens: 0, pinnedRank: -1, tried: this.#triedPrefill };
  }

  get noneTried(): boolean {
    return this.#tried.length === 0 && this.#triedPrefill.length === 0;
  }

  /** The leg's shard has failed it. */
  tried({ pool, shard }: Leg): void {
    const [list, part] =
      pool.line === this.prefill?.line ? [this.#triedPrefill, this.prefill] : [this.#tried, this.#pool];
    const place = part.placeOf(instanceOf(shard));
    if (place >= 0) list.push(place);
  }

  /** Every shard may be tried again. */
  forgetTried(): void {
    this.#tried.length = 0;
    this.#triedPrefill.length = 0;
  }

  /** Moves on to what has taken the pool's place. */
  follow(): void {
    const before = this.#pool;
    const { current } = before.line;
    if (current === before) return;
    const { prefill } = this;
    before.flights--;
    current.flights++;
    this.#pool = current;
    places(this.#tried, before, current);
    if (prefill !== null && this.prefill !== null) places(this.#triedPrefill, prefill, this.prefill);
    const { pinnedRank, prefix } = this.#routable;
    if (pinnedRank >= 0 && pinnedRank < before.engine.shards.length) {
      const place = current.placeOf(instanceOf(before.engine.shards[pinnedRank]));
      // A rank that is gone is one that no shard has.
      this.#routable.pinnedRank = place < 0 ? current.engine.shards.length : place;
    }
    this.#routable.experts = current.experts?.of(this.#tenant, prefix) ?? null;
  }
}

/** The shards of one pool, by their places in another; those that are not there go. */
function places(list: number[], from: ServingPool, to: ServingPool): void {
  const there = list.map((shard) => to.placeOf(instanceOf(from.engine.shards[shard])));
  list.splice(0, list.length, ...there.filter((place) => place >= 0));
}
