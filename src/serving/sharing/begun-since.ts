import type { AdmissionUsage, TenantUsage } from "../admission/usage.ts";

/** A tenant with nothing inside that began nothing for so many reports is in no further one. */
const FORGOTTEN_AFTER = 600;
/** Tenants in a report at most: beyond them the one that was quiet for longest is forgotten. */
const MOST_TENANTS = 1024;

/**
 * What one gateway has begun since its start, reported as totals: a report may be missed or read twice, and what lies
 * between two of them is right all the same.
 */
export class BegunTotals {
  #inFlight = 0;
  #requests = 0;
  #tokens = 0;
  readonly #tenants = new Map<string, { requests: number; tokens: number; inside: number; quiet: number }>();

  /** @param usage what is inside now, and has begun since the last call */
  add({ inFlight, requests, tokens, tenants }: AdmissionUsage): void {
    this.#inFlight = inFlight;
    this.#requests += requests;
    this.#tokens += tokens;
    for (const tenant of this.#tenants.values()) tenant.inside = 0;
    for (const { tenant, inside, requests: begun, tokens: begunTokens } of tenants) {
      const so = this.#tenants.get(tenant) ?? { requests: 0, tokens: 0, inside: 0, quiet: 0 };
      so.requests += begun;
      so.tokens += begunTokens;
      so.inside = inside;
      so.quiet = 0;
      // The last to have begun something, the last to be forgotten.
      this.#tenants.delete(tenant);
      this.#tenants.set(tenant, so);
    }
    for (const [tenant] of this.#tenants) {
      if (this.#tenants.size <= MOST_TENANTS) return;
      this.#tenants.delete(tenant);
    }
  }

  /** @returns what is inside now, and what has begun since the start */
  totals(): AdmissionUsage {
    const tenants: TenantUsage[] = [];
    for (const [tenant, so] of this.#tenants) {
      if (so.inside === 0 && so.quiet++ >= FORGOTTEN_AFTER) this.#tenants.delete(tenant);
      else tenants.push({ tenant, inside: so.inside, requests: so.requests, tokens: so.tokens });
    }
    return { inFlight: this.#inFlight, requests: this.#requests, tokens: this.#tokens, tenants };
  }
}

/**
 * What has begun between two of a gateway's reports. A tenant that the earlier one does not name has begun what the
 * later one says; where totals have become less, they began anew.
 * @param before null where the gateway was not known, or silent for too long: what it began then is past
 */
export function begunSince(before: AdmissionUsage | null, now: AdmissionUsage): AdmissionUsage {
  const since = (was: number, is: number) => (is >= was ? is - was : is);
  const known = new Map(before?.tenants.map((tenant) => [tenant.tenant, tenant]));
  return {
    inFlight: now.inFlight,
    requests: before === null ? 0 : since(before.requests, now.requests),
    tokens: before === null ? 0 : since(before.tokens, now.tokens),
    tenants: now.tenants.map(({ tenant, inside, requests, tokens }) => {
      const was = known.get(tenant);
      return {
        tenant,
        inside,
        requests: before === null ? 0 : since(was?.requests ?? 0, requests),
        tokens: before === null ? 0 : since(was?.tokens ?? 0, tokens),
      };
    }),
  };
}
