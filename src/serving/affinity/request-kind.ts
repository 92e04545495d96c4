import type { RequestOrigin } from "../../core/load/expert-sketch.ts";
import { hashText } from "../../routing/block-hashes.ts";
import type { ExpertOutlook } from "../../routing/routable-request.ts";
import { ANONYMOUS } from "../request/request-facts.ts";

/** The outlook is computed again once so many tokens, and a quarter of all before them, have been added. */
const LEAST_NEW_TOKENS = 32;
const NEW_PART = 1 / 4;
/** And at the latest after so many: the sketch has faded by a sixth then (its half-life is 16,384 tokens). */
const MOST_NEW_TOKENS = 4096;

/** Requests that are expected to use the same experts. */
export class RequestKind {
  readonly origin: RequestOrigin;
  /** Null until it is computed for the first time. */
  outlook: ExpertOutlook | null = null;
  /** The map it was computed for, by its number: a reference would keep the map itself in memory. */
  version = 0;
  /** Whether it waits to be computed. */
  queued = false;
  /** Tokens that the outlook was computed from, and those added since. */
  #tokens = 0;
  #since = 0;

  constructor(origin: RequestOrigin) {
    this.origin = origin;
  }

  /** @returns whether so much is new that it should be computed again */
  learned(tokens: number): boolean {
    this.#since += tokens;
    return this.#since >= Math.min(MOST_NEW_TOKENS, LEAST_NEW_TOKENS + this.#tokens * NEW_PART);
  }

  workedOut(outlook: ExpertOutlook, version: number): void {
    this.outlook = outlook;
    this.version = version;
    this.queued = false;
    this.#tokens += this.#since;
    this.#since = 0;
  }
}

/** @returns of 32 bits; 0 for requests that do not say whose they are */
export function tenantKey(tenant: string): number {
  return tenant === ANONYMOUS ? 0 : hashText(tenant);
}

/**
 * @param tenant as `tenantKey` makes it
 * @param prefix as in RoutableRequest
 * @returns an integer of 52 bits that is no tenant's key; 0 without a whole block
 */
export function applicationKey(tenant: number, prefix: Uint32Array): number {
  if (prefix.length === 0) return 0;
  return 2 ** 32 + ((prefix[0] ^ tenant) >>> 0) * 2 ** 20 + (prefix[1] >>> 12);
}
