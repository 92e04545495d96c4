import type { Rng } from "../lib/rng.ts";
import type { Candidates, Policy, Scorer, Unavailable } from "./plug-in.ts";
import type { RoutableRequest } from "./routable-request.ts";
import type { RoutingScores } from "./routing-scores.ts";
import type { ShardStates } from "./shard-states.ts";

/** Chooses for each request a shard of one pool; or a pool among those of its model, by plug-ins of the same kind. */
export class Router<
  C extends Candidates = ShardStates,
  R extends { readonly inputTokens: number } = RoutableRequest,
> {
  readonly #policy: Policy<C, R>;
  readonly #states: C;
  readonly #rng: Rng;
  /** `[shards]`, of the choice at hand. */
  readonly #eligible: Uint8Array;
  readonly #cost: Float64Array;
  #uncached = 0;

  constructor(policy: Policy<C, R>, states: C, rng: Rng) {
    this.#policy = policy;
    this.#states = states;
    this.#rng = rng;
    this.#eligible = new Uint8Array(states.count);
    this.#cost = new Float64Array(states.count);
  }

  /**
   * Filters, scores and picks; scorers take the request as sent to the shard.
   *
   * Slow start and slow shards are here, for every policy: a shard of weight w, or slowness 1/w, takes 1/w as long for
   * everything, so all its cost is divided by w, and with equal costs it carries w of what others do.
   * @param scores receives what each scorer said of each shard; null where nobody asks
   * @returns the shard, or −1 when every one is filtered out (`unavailable` says why)
   */
  choose(request: R, scores: RoutingScores | null = null): number {
    const { filters, scorers, picker } = this.#policy;
    const eligible = this.#eligible.fill(1);
    for (const filter of filters) filter.exclude(request, this.#states, eligible);
    if (!eligible.includes(1)) return -1;
    const cost = this.#cost.fill(0);
    for (const { scorer, weight } of scorers) {
      scorer.add(request, this.#states, weight, cost);
      scores?.added(scorer.name, cost);
    }
    const { weight: weights, slowness } = this.#states;
    for (let shard = 0; shard < cost.length; shard++) cost[shard] *= slowness[shard] / weights[shard];
    const chosen = picker(cost, eligible, this.#states, this.#rng, request);
    scores?.chose(this.#policy.name, cost, eligible, chosen);
    this.#sent(request, chosen);
    return chosen;
  }

  /** Tokens of the last request's prompt that its shard has to compute, as far as scorers know. */
  get uncached(): number {
    return this.#uncached;
  }

  /**
   * Where else the request of the last `choose` may go, the cheapest first: others that suit, `most` at most. Nothing is
   * remembered of it.
   */
  others(chosen: number, most: number, suits: (shard: number) => boolean): number[] {
    const cost = this.#cost;
    return [...this.#eligible.keys()]
      .filter((shard) => shard !== chosen && this.#eligible[shard] === 1)
      .sort((a, b) => cost[a] - cost[b])
      .filter(suits)
      .slice(0, most);
  }

  /** Scorers take the request as sent to the shard: it was chosen for another, and did not stay there. */
  moved(request: R, shard: number): void {
    for (const { scorer } of this.#policy.scorers)
      if (scorer.uncached !== undefined) scorer.add(request, this.#states, 0, this.#cost);
    this.#sent(request, shard);
  }

  #sent(request: R, shard: number): void {
    this.#uncached = request.inputTokens;
    for (const { scorer } of this.#policy.scorers) {
      if (scorer.uncached !== undefined) this.#uncached = scorer.uncached(request, shard);
      scorer.routed?.(request, shard);
    }
  }

  /** Which filter kept the last shards away; null when the request can be served. */
  unavailable(request: R): Unavailable | null {
    if (this.#states.count === 0) return "no_server";
    const eligible = this.#eligible.fill(1);
    for (const filter of this.#policy.filters) {
      filter.exclude(request, this.#states, eligible);
      if (!eligible.includes(1)) return filter.reason;
    }
    return null;
  }

  /** Whether its policy uses that scorer. */
  scores(scorer: Scorer<C, R>): boolean {
    return this.#policy.scorers.some((one) => one.scorer === scorer);
  }

  /** The shard has lost its memory: it was restarted. */
  forget(shard: number): void {
    for (const { scorer } of this.#policy.scorers) scorer.forget?.(shard);
  }

  /** Takes over what the router before remembered. @param previous as in Scorer.resume */
  resume(before: Router<C, R>, previous: Int32Array): void {
    for (const { scorer } of this.#policy.scorers)
      for (const { scorer: old } of before.#policy.scorers) scorer.resume?.(old, previous);
  }
}
