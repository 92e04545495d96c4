import { Resolver } from "node:dns/promises";
import type { DnsDiscovery } from "../config/discover-config.ts";
import { SourceState } from "./source-state.ts";
import type { Endpoint, ServerSource, SourceListener } from "./source.ts";

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
}

/** The SRV records of a name. Rejects when there are none, or nobody can tell. */
export type SrvLookup = (name: string) => Promise<readonly SrvRecord[]>;

/** As the system's name servers say. */
export const lookUpSrv: SrvLookup = (name) => new Resolver({ timeout: 2000, tries: 2 }).resolveSrv(name);

/** A pool has no more servers than that: what says so is in error. */
const MOST_RECORDS = 10_000;

/**
 * The targets of SRV records, looked up again and again: those of the lowest priority number there is (RFC 2782). Weights
 * are ignored, for routing knows better what each carries.
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
    const first = Math.min(...records.map(({ priority }) => priority));
    const urls = records
      // A target that is the root says that there is no such service.
      .filter(({ priority, name }) => priority === first && /^[-\w.]+$/.test(name) && name !== ".")
      .map(({ name, port }) => `${scheme}://${name.replace(/\.$/, "").toLowerCase()}:${port}${path}`);
    return [...new Set(urls)]
      .toSorted()
      .map((url) => ({ url: withoutUsualPort(url), authorization: null, name: null, state: "ready" }));
  }
}

/** As the configuration writes URLs. */
function withoutUsualPort(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/+$/, "");
}
