import { type RequestTokens, tokensOf } from "./request-tokens.ts";

/** Of the share of an instance in what is still to come: so much more than the band it may be ahead meanwhile. */
const CAUGHT_UP = 0.5;
/** Of the band: what is left for the last request's length. */
const KEPT = 0.2;

/**
 * The tokens sent to each instance, prompts and answers. At its end no instance has more than its share and the band
 * (by as much as requests can be divided); before, one may be ahead by what half of the others' coming share makes up.
 */
export class InstanceLoad {
  /** `[instances]` */
  readonly tokens: Float64Array;
  readonly #share: number;
  readonly #band: number;
  #sent = 0;
  #mostAhead = 0;

  /** @param total tokens to come @param band part of an instance's share */
  constructor(instances: number, total: number, band: number) {
    this.tokens = new Float64Array(instances);
    this.#share = total / instances;
    this.#band = band;
  }

  /** Tokens that an instance may be above the mean with the next request. */
  get slack(): number {
    const coming = this.#share - this.#sent / this.tokens.length;
    return this.#band * (1 - KEPT) * this.#share + CAUGHT_UP * coming;
  }

  add(instance: number, tokens: number): void {
    this.tokens[instance] += tokens;
    this.#sent += tokens;
    const ahead = this.tokens[instance] - this.#sent / this.tokens.length;
    if (ahead > this.#mostAhead) this.#mostAhead = ahead;
  }

  get least(): number {
    let least = 0;
    for (let n = 1; n < this.tokens.length; n++) if (this.tokens[n] < this.tokens[least]) least = n;
    return least;
  }

  /** The most that an instance was ahead of the mean at any time, in its share of the whole. */
  get mostAhead(): number {
    return this.#share === 0 ? 0 : this.#mostAhead / this.#share;
  }

  /** Tokens of the fullest instance, in the mean's. */
  get maxToMean(): number {
    return this.#sent === 0 ? 1 : (Math.max(...this.tokens) * this.tokens.length) / this.#sent;
  }
}

/** Load as an assignment makes it, in the order in which requests arrive. */
export function loadOfAssignment(
  requests: RequestTokens,
  instanceOf: Int32Array,
  instances: number,
): InstanceLoad {
  const load = new InstanceLoad(instances, requests.rows.length, 0);
  for (const request of requests.arrivals) load.add(instanceOf[request], tokensOf(requests, request));
  return load;
}
