import type { AdmissionLimits, Limits } from "./limits.ts";
import { Rates } from "./rates.ts";
import type { TenantUsage } from "./usage.ts";

/** Tenants remembered while none of their requests is inside; beyond them the longest idle are forgotten, so many at once. */
const IDLE_REMEMBERED = 10_000;
const FORGOTTEN_AT_ONCE = 1000;

/** Tenants that others are told of at a time: those with the most requests inside. */
const MOST_TOLD = 1024;

/** What admission knows of one tenant. */
export interface Tenant {
  readonly name: string;
  limits: Limits;
  readonly rates: Rates;
  /** Requests in flight or waiting in this process. */
  inside: number;
  /** In the other processes, as they told last. */
  insideElsewhere: number;
  /** Where it stands in the waiting line's virtual time, in tokens. */
  served: number;
  /** Let in since the last telling. */
  requests: number;
  tokens: number;
}

/**
 * The tenants with requests inside, and the latest of the others. So a client that invents tenants takes no more memory
 * than that; the limits over all tenants hold it.
 */
export class Tenants {
  #limits: AdmissionLimits;
  readonly #byName = new Map<string, Tenant>();
  /** Those with nothing inside anywhere, the longest idle first. */
  readonly #idle = new Set<Tenant>();
  /** Those with something to tell. */
  readonly #told = new Set<Tenant>();
  /** Those who have requests inside elsewhere. */
  #elsewhere: Tenant[] = [];

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#byName.size;
  }

  of(name: string, nowMs: number): Tenant {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const limits = this.#limitsOf(name);
    const tenant = {
      name,
      limits,
      rates: new Rates(limits, nowMs),
      inside: 0,
      insideElsewhere: 0,
      served: 0,
      requests: 0,
      tokens: 0,
    };
    this.#byName.set(name, tenant);
    this.#rest(tenant);
    return tenant;
  }

  /** One of its requests comes in; it counts in its rates. */
  enter(tenant: Tenant, tokens: number, nowMs: number): void {
    tenant.tokens += tenant.rates.admit(tokens, nowMs);
    tenant.requests++;
    if (tenant.inside++ === 0) this.#idle.delete(tenant);
    this.#told.add(tenant);
  }

  /** Nothing was done for one of its requests. */
  giveBack(tenant: Tenant, tokens: number, nowMs: number): void {
    tenant.rates.giveBack(tokens, nowMs);
    tenant.tokens = Math.max(0, tenant.tokens - tokens);
  }

  leave(tenant: Tenant): void {
    tenant.inside--;
    this.#rest(tenant);
  }

  update(limits: AdmissionLimits, nowMs: number): void {
    this.#limits = limits;
    for (const tenant of this.#byName.values()) {
      tenant.limits = this.#limitsOf(tenant.name);
      tenant.rates.update(tenant.limits, nowMs);
    }
  }

  /**
   * What is to be told to the others; what was let in counts from 0 again. Told are those that limits hold, and of more
   * than a message has place for the busiest: the limits of the rest hold in each process by itself.
   */
  usage(): TenantUsage[] {
    const told: TenantUsage[] = [];
    for (const tenant of this.#told) {
      const { name, inside, requests, tokens } = tenant;
      tenant.requests = 0;
      tenant.tokens = 0;
      if (inside === 0) this.#told.delete(tenant);
      if (isLimited(tenant.limits)) told.push({ tenant: name, inside, requests, tokens });
    }
    if (told.length <= MOST_TOLD) return told;
    return told.toSorted((a, b) => b.inside - a.inside || b.tokens - a.tokens).slice(0, MOST_TOLD);
  }

  /** What the others have told, all of them together. */
  others(usage: readonly TenantUsage[], nowMs: number): void {
    const before = this.#elsewhere;
    this.#elsewhere = [];
    for (const tenant of before) tenant.insideElsewhere = 0;
    for (const { tenant: name, inside, requests, tokens } of usage) {
      const tenant = this.of(name, nowMs);
      tenant.rates.take(requests, tokens, nowMs);
      if (inside === 0) continue;
      tenant.insideElsewhere = inside;
      this.#idle.delete(tenant);
      this.#elsewhere.push(tenant);
    }
    for (const tenant of before) this.#rest(tenant);
  }

  #limitsOf(name: string): Limits {
    const { tenant, tenants } = this.#limits;
    return Object.hasOwn(tenants, name) ? tenants[name] : tenant;
  }

  #rest(tenant: Tenant): void {
    if (tenant.inside > 0 || tenant.insideElsewhere > 0) return;
    this.#idle.add(tenant);
    if (this.#idle.size <= IDLE_REMEMBERED) return;
    for (const longest of this.#idle) {
      if (this.#idle.size <= IDLE_REMEMBERED - FORGOTTEN_AT_ONCE) return;
      this.#idle.delete(longest);
      this.#told.delete(longest);
      this.#byName.delete(longest.name);
    }
  }
}

function isLimited({ maxInFlight, requestsPerSecond, tokensPerMinute }: Limits): boolean {
  return maxInFlight > 0 || requestsPerSecond > 0 || tokensPerMinute > 0;
}
