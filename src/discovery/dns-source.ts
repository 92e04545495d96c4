import { Resolver } from "node:dns/promises";
import type { DnsDiscovery } from "../config/discover-config.ts";
import { SourceState } from "./source-state.ts";
import type { Endpoint, ServerSource, SourceListener } from "./source.ts";

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** The SRV records of a name. Rejects when there are none, or nobody can tell. */
export type SrvLookup = (name: string) => Promise<readonly SrvRecord[]>;

/** As the system's name servers say. */
export const lookUpSrv: SrvLookup = (name) => new Resolver({ timeout: 2000, tries: 2 }).resolveSrv(name);

/** A pool has no more servers than that: what says so is in error. */
const MOST_RECORDS = 10_000;

/**
 * The targets of SRV records (RFC 2782), looked up again and again. Those of the lowest priority number come first, the
 * others in the order of theirs are for what these cannot take; targets of one priority get parts by their weights.
 */
export class DnsSource implements ServerSource {
  readonly what: string;
  readonly #discovery: DnsDiscovery;
  readonly #lookup: SrvLookup;
  readonly #everyMs: number;
  readonly state: SourceState;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  /** @param everyMs 0 for once */
  constructor(discovery: DnsDiscovery, lookup: SrvLookup, everyMs: number, listener: SourceListener) {
    this.what = `SRV records of ${discovery.srv}`;
    this.#discovery = discovery;
    this.#lookup = lookup;
    this.#everyMs = everyMs;
    this.state = new SourceState(this.what, listener);
  }

  async start(): Promise<void> {
    await this.#look();
    if (this.#everyMs === 0 || this.#stopped) return;
    this.#timer = setTimeout(() => void this.start(), this.#everyMs).unref();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    return Promise.resolve();
  }

  async #look(): Promise<void> {
    try {
      const records = (await this.#lookup(this.#discovery.srv)).slice(0, MOST_RECORDS);
      if (!this.#stopped) this.state.found(this.#endpointsOf(records));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      if (!this.#stopped) this.state.failed(`cannot be looked up (${code})`);
    }
  }

  #endpointsOf(records: readonly SrvRecord[]): readonly Endpoint[] {
    const { scheme, path } = this.#discovery;
    // A target that is the root says that there is no such service.
    const named = records.filter(({ name }) => /^[-\w.]+$/.test(name) && name !== ".");
    const tiers = [...new Set(named.map(({ priority }) => priority))].toSorted((a, b) => a - b);
    const found = new Map<string, Target>();
    for (const { name, port, priority, weight } of named) {
      const url = withoutUsualPort(`${scheme}://${name.replace(/\.$/, "").toLowerCase()}:${port}${path}`);
      const tier = Math.min(LAST_TIER, tiers.indexOf(priority));
      // One that is named again is of its first priority, and has its first weight there.
      if (tier < (found.get(url)?.tier ?? Number.POSITIVE_INFINITY))
        found.set(url, { tier, weight: Math.max(1, weight) });
    }
    const heaviest = new Map<number, number>();
    for (const { tier, weight } of found.values())
      heaviest.set(tier, Math.max(weight, heaviest.get(tier) ?? 0));
    return [...found]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([url, { tier, weight }]) => {
        const part = { weight: weight / (heaviest.get(tier) ?? weight), tier };
        return { url, authorization: null, name: null, state: "ready", part };
      });
  }
}

/** Of one URL. */
interface Target {
  readonly tier: number;
  /** At least 1: of those of weight 0 the RFC wants few, and not none. */
  readonly weight: number;
}

/** Later priorities are taken for one. */
const LAST_TIER = 255;

/** As the configuration writes URLs. */
function withoutUsualPort(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/+$/, "");
}
