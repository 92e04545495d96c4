import type { AdmissionLimits, Limits } from "./limits.ts";
import { Rates } from "./rates.ts";
import type { TenantUsage } from "./usage.ts";

/** Tenants remembered while none of their requests is inside; beyond them the longest idle are forgotten, so many at once. */
const IDLE_REMEMBERED = 10_000;
const FORGOTTEN_AT_ONCE = 1000;

/** Tenants in one report to the other processes: those with the most requests inside. */
const MOST_REPORTED = 1024;

/** What admission knows of one tenant. */
export interface Tenant {
  readonly name: string;
  limits: Limits;
  readonly rates: Rates;
  /** Requests in flight or waiting in this process. */
  inside: number;
  /** In the other processes, by their last reports. */
  remoteInside: number;
  /** Its place in the waiting line's virtual time, in tokens. */
  served: number;
  /** Admitted since the last report. */
  requests: number;
  tokens: number;
}

/** What a tenant has inside now. */
export interface TenantLoad extends Pick<Tenant, "inside" | "remoteInside"> {
  readonly tenant: string;
  /** Requests inside at most; 0 for no limit. */
  readonly limit: number;
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
  /** Those to report. */
  readonly #toReport = new Set<Tenant>();
  /** Those with requests inside in other processes. */
  #remote: Tenant[] = [];

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
      remoteInside: 0,
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
    this.#toReport.add(tenant);
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
   * The report to the other processes; what was admitted counts from 0 again. It has the tenants with limits, the busiest
   * of them where they are too many for one message: the limits of the rest hold in each process by itself.
   */
  usage(): TenantUsage[] {
    const reported: TenantUsage[] = [];
    for (const tenant of this.#toReport) {
      const { name, inside, requests, tokens } = tenant;
      tenant.requests = 0;
      tenant.tokens = 0;
      if (inside === 0) this.#toReport.delete(tenant);
      if (isLimited(tenant.limits)) reported.push({ tenant: name, inside, requests, tokens });
    }
    if (reported.length <= MOST_REPORTED) return reported;
    return reported.toSorted((a, b) => b.inside - a.inside || b.tokens - a.tokens).slice(0, MOST_REPORTED);
  }

  /** The reports of the other processes, summed. */
  others(usage: readonly TenantUsage[], nowMs: number): void {
    const before = this.#remote;
    this.#remote = [];
    for (const tenant of before) tenant.remoteInside = 0;
    for (const { tenant: name, inside, requests, tokens } of usage) {
      const tenant = this.of(name, nowMs);
      tenant.rates.take(requests, tokens, nowMs);
      if (inside === 0) continue;
      tenant.remoteInside = inside;
      this.#idle.delete(tenant);
      this.#remote.push(tenant);
    }
    for (const tenant of before) this.#rest(tenant);
  }

  /** Those with requests inside, the busiest first. */
  busiest(most: number): TenantLoad[] {
    const busy = [...this.#byName.values()].filter((one) => one.inside + one.remoteInside > 0);
    return busy
      .toSorted((a, b) => b.inside + b.remoteInside - a.inside - a.remoteInside)
      .slice(0, most)
      .map(({ name, inside, remoteInside, limits }) => ({
        tenant: name,
        inside,
        remoteInside,
        limit: limits.maxInFlight,
      }));
  }

  #limitsOf(name: string): Limits {
    const { tenant, tenants } = this.#limits;
    return Object.hasOwn(tenants, name) ? tenants[name] : tenant;
  }

  #rest(tenant: Tenant): void {
    if (tenant.inside > 0 || tenant.remoteInside > 0) return;
    this.#idle.add(tenant);
    if (this.#idle.size <= IDLE_REMEMBERED) return;
    for (const longest of this.#idle) {
      if (this.#idle.size <= IDLE_REMEMBERED - FORGOTTEN_AT_ONCE) return;
      this.#idle.delete(longest);
      this.#toReport.delete(longest);
      this.#byName.delete(longest.name);
    }
  }
}

function isLimited({ maxInFlight, requestsPerSecond, tokensPerMinute }: Limits): boolean {
  return maxInFlight > 0 || requestsPerSecond > 0 || tokensPerMinute > 0;
}
