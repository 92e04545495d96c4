import type { ExpertSignature, LocalityRouter } from "../locality/locality-router.ts";
import type { Picker, Scorer } from "../plug-in.ts";
import { type PoolRequest, type PoolStates, heldBy } from "./pool-states.ts";

/**
 * Prompt tokens that take as long as one expert more to read, in every layer of one step: the 44 MB of an expert of
 * DeepSeek-V3 at 3 TB/s in 58 layers take 0.85 ms, a prompt token 67 µs of an H800 (`DECODING`). Both are spread over
 * the GPUs of a pool.
 */
const TOKENS_PER_EXPERT = 12;

/**
 * Chooses the pool whose requests use alike experts, within a band of fullness. A pool is as full as the tokens of its
 * requests in flight, by its size or, where pools have weights, by its part. One that is more than the band above the
 * mean of those that may serve the request does not get it; where it gets it, the request comes on top. Within the band
 * count: experts that the request adds to each of its steps, prompt tokens that are not cached there, and a little the
 * fullness.
 *
 * As a scorer it stands behind what says how much of the prompt each pool would have to compute, which it notes.
 */
export class PoolLocality implements Scorer<PoolStates, PoolRequest> {
  readonly name = "locality";
  readonly #router: LocalityRouter;
  /** The part of the mean that a pool may be fuller. */
  band: number;
  /** `[pools]`, of the choice at hand. */
  readonly #prefill: Float64Array;
  readonly #full: Float64Array;
  readonly #open: Uint8Array;
  readonly #extra: Float64Array;
  /** `[pools]`: what the requests hold that it was told of, where they are, and where they would be by experts. */
  readonly went: Float64Array;
  readonly would: Float64Array;
  /** `[pools]`: what requests of other processes would hold more by experts than they do; below 0 for less. */
  readonly moved: Float64Array;

  constructor(pools: number, router: LocalityRouter, band: number) {
    this.#router = router;
    this.band = band;
    this.#prefill = new Float64Array(pools);
    this.#full = new Float64Array(pools);
    this.#open = new Uint8Array(pools);
    this.#extra = new Float64Array(pools);
    this.went = new Float64Array(pools);
    this.would = new Float64Array(pools);
    this.moved = new Float64Array(pools);
  }

  add(_request: PoolRequest, _pools: PoolStates, _weight: number, cost: Float64Array): void {
    this.#prefill.set(cost);
  }

  /** @param plain chooses for requests that do not go by experts */
  picker(plain: Picker<PoolStates, PoolRequest>): Picker<PoolStates, PoolRequest> {
    return (cost, eligible, pools, rng, request) => {
      const { locality } = request;
      if (locality === null) return plain(cost, eligible, pools, rng, request);
      locality.place = this.#choose(locality.signature, request, pools, eligible);
      if (locality.acts && locality.place >= 0) return locality.place;
      return plain(cost, eligible, pools, rng, request);
    };
  }

  /** A request is in flight, in one pool or, by experts, in another. @param tokens in and out */
  begin(went: number, would: number, tokens: number): void {
    this.went[went] += heldBy(tokens);
    this.would[would] += heldBy(tokens);
  }

  /** It is no more. */
  end(went: number, would: number, tokens: number): void {
    this.went[went] -= heldBy(tokens);
    this.would[would] -= heldBy(tokens);
  }

  #choose(
    signature: ExpertSignature | null,
    { inputTokens, outputTokens }: PoolRequest,
    { count, held, scale }: PoolStates,
    eligible: Uint8Array,
  ): number {
    const router = this.#router;
    if (signature === null || !router.hasLearned) return -1;
    const [prefill, full, extra, open] = [this.#prefill, this.#full, this.#extra, this.#open];
    open.set(eligible);
    const perToken = router.stepExperts / (TOKENS_PER_EXPERT * Math.max(1, outputTokens));
    let [sum, pools] = [0, 0];
    for (let pool = 0; pool < count; pool++) {
      const moved = this.would[pool] - this.went[pool] + this.moved[pool];
      full[pool] = Math.max(0, held[pool] + scale[pool] * moved);
      extra[pool] = perToken * prefill[pool];
      if (open[pool] === 0) continue;
      sum += full[pool];
      pools++;
    }
    const tokens = heldBy(inputTokens + outputTokens);
    // The request itself comes on top.
    const slack = (this.band * sum + tokens * (pools - 1)) / pools;
    return router.choose(signature, tokens, full, slack, { open, extra });
  }
}
