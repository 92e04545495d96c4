import type { Limits } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How far a limit is used up. */
export interface Standing {
  /** The most that may begin at once. */
  readonly limit: number;
  /** That may begin now; negative while a debt is paid off. */
  readonly remaining: number;
  /** Until `limit` may begin again. */
  readonly resetMs: number;
}

/** Null where there is no limit. */
export interface RateStanding {
  readonly requests: Standing | null;
  readonly tokens: Standing | null;
}

/** How fast requests and their tokens may be let in. */
export class Rates {
  readonly #requests: TokenBucket;
  readonly #tokens: TokenBucket;

  constructor(limits: Limits, nowMs: number) {
    this.#requests = new TokenBucket(limits.requestsPerSecond, requestBurst(limits), nowMs);
    this.#tokens = new TokenBucket(limits.tokensPerMinute / 60, tokenBurst(limits), nowMs);
  }

  /** Milliseconds until one more request of so many tokens may be let in. */
  waitMs(tokens: number, nowMs: number): number {
    return Math.max(this.#requests.waitMs(1, nowMs), this.#tokens.waitMs(tokens, nowMs));
  }

  /**
   * One request of so many tokens is let in. It counts as a full bucket at most, which is what it waited for: no request
   * by itself leaves a debt to others.
   * @returns the tokens that were counted
   */
  admit(tokens: number, nowMs: number): number {
    const counted = Math.min(tokens, this.#tokens.burst);
    this.take(1, counted, nowMs);
    return counted;
  }

  /** Others let in so many, with so many tokens. */
  take(requests: number, tokens: number, nowMs: number): void {
    this.#requests.take(requests, nowMs);
    this.#tokens.take(tokens, nowMs);
  }

  /** Tokens that nothing was done for; that a request was let in stays counted, or its like would come without end. */
  giveBack(tokens: number, nowMs: number): void {
    this.#tokens.giveBack(Math.min(tokens, this.#tokens.burst), nowMs);
  }

  standing(nowMs: number): RateStanding {
    return { requests: this.#requests.standing(nowMs), tokens: this.#tokens.standing(nowMs) };
  }

  update(limits: Limits, nowMs: number): void {
    this.#requests.update(limits.requestsPerSecond, requestBurst(limits), nowMs);
    this.#tokens.update(limits.tokensPerMinute / 60, tokenBurst(limits), nowMs);
  }
}

function requestBurst(limits: Limits): number {
  return limits.requestBurst || Math.max(1, limits.requestsPerSecond);
}

function tokenBurst(limits: Limits): number {
  return limits.tokenBurst || limits.tokensPerMinute;
}
