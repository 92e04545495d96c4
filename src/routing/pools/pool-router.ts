import type { Rng } from "../../lib/rng.ts";
import { ready } from "../filters/ready.ts";
import { untried } from "../filters/untried.ts";
import { weightedBest } from "../pickers/weighted-best.ts";
import type { Policy } from "../plug-in.ts";
import { Router } from "../router.ts";
import { PrefixAffinity } from "../scorers/prefix-affinity.ts";
import { sessionAffinity } from "../scorers/session-affinity.ts";
import { asked } from "./asked.ts";
import { byParts } from "./by-parts.ts";
import type { PoolLocality } from "./pool-locality.ts";
import { type PoolCandidate, type PoolRequest, PoolStates } from "./pool-states.ts";
import { relativeLoad } from "./relative-load.ts";
import { whole } from "./whole.ts";

/** The model that pools are chosen for. */
export interface PoolRouterOptions {
  readonly pools: readonly PoolCandidate[];
  /** `[pools]`: the part of the requests that each is to get, in any unit; null to go by load. */
  readonly parts: Float64Array | null;
  /** Memory for prefixes (PrefixIndex). */
  readonly prefixIndexBytes: number;
  readonly rng: Rng;
  /** Where requests may go to their like; null where that is not asked. */
  readonly locality: PoolLocality | null;
}

/** Comes first what says who can serve: the others choose among those. */
const FILTERS = [ready, untried, asked, whole];

/** Chooses one of a model's pools for each request; the pool's own router then chooses the shard. */
export class PoolRouter {
  readonly #states: PoolStates;
  readonly #router: Router<PoolStates, PoolRequest>;

  constructor({ pools, parts, prefixIndexBytes, rng, locality }: PoolRouterOptions) {
    const names = pools.map(({ name }) => name);
    this.#states = new PoolStates(pools, parts);
    const plain = policy(names, parts, prefixIndexBytes);
    this.#router = new Router(locality === null ? plain : alike(plain, locality), this.#states, rng);
  }

  /** @returns the pool, or −1 when none can serve the request */
  choose(request: PoolRequest): number {
    this.#states.update(request);
    return this.#router.choose(request);
  }

  /** Whether `choose` would find one. */
  canServe(request: PoolRequest): boolean {
    this.#states.update(request);
    return this.#router.unavailable(request) === null;
  }

  /** Takes over what the router of the same model remembered, of pools of the same names. */
  resume(before: PoolRouter): void {
    const places = new Map(before.#states.pools.map(({ name }, place) => [name, place]));
    const previous = Int32Array.from(this.#states.pools, ({ name }) => places.get(name) ?? -1);
    this.#router.resume(before.#router, previous);
  }
}

function policy(
  names: readonly string[],
  parts: Float64Array | null,
  prefixIndexBytes: number,
): Policy<PoolStates, PoolRequest> {
  const prefix = { scorer: new PrefixAffinity(names.length, prefixIndexBytes), weight: 1 };
  if (parts !== null)
    return { name: "by-parts", filters: FILTERS, scorers: [prefix], picker: byParts(names, parts) };
  const scorers = [
    prefix,
    { scorer: relativeLoad, weight: 1 },
    { scorer: sessionAffinity(names), weight: 1 },
  ];
  return { name: "least-load", filters: FILTERS, scorers, picker: weightedBest };
}

/** The same, for requests that go to their like: by what is cached, which comes first, and by locality. */
function alike(
  { name, filters, scorers: [prefix, ...others], picker }: Policy<PoolStates, PoolRequest>,
  locality: PoolLocality,
): Policy<PoolStates, PoolRequest> {
  const scorers = [prefix, { scorer: locality, weight: 1 }, ...others];
  return { name, filters, scorers, picker: locality.picker(picker) };
}
