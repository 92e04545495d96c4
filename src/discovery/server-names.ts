import { isIP } from "node:net";
import type { Config, ServersConfig } from "../config/config.ts";
import type { ServerAccess } from "../model/server-access.ts";
import type { Lookup } from "./lookup.ts";
import { mapServers, serversOf } from "./pool-servers.ts";

/** Receives one line for a person, and whether it says where a name's servers are, or that it cannot be looked up. */
export type OnLookup = (line: string, found: boolean) => void;

/** The names in servers' URLs, and the addresses that they had last. */
export class ServerNames {
  readonly #lookup: Lookup;
  readonly #onNotice: OnLookup;
  /** In a fixed order: one that changes from answer to answer is no change. */
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #failing = new Set<string>();

  constructor(lookup: Lookup, onNotice: OnLookup) {
    this.#lookup = lookup;
    this.#onNotice = onNotice;
  }

  /**
   * The configuration with a server for each address of a name that has several. A name that cannot be looked up keeps the
   * addresses it had; one that has none yet stays one server, as does one with a single address where no endpoint picker
   * names it to a proxy.
   * @param again whether names that have addresses are looked up, too
   */
  async expand(config: Config, again = true): Promise<Config> {
    if (config.upstream.resolveMs === 0) return config;
    const names = new Set(config.pools.flatMap(serversOf).flatMap(({ urls }) => urls.flatMap(nameIn)));
    for (const name of this.#addresses.keys()) if (!names.has(name)) this.#addresses.delete(name);
    const asked = [...names].filter((name) => again || !this.#addresses.has(name));
    await Promise.all(asked.map((name) => this.#resolve(name)));
    // A proxy that the endpoint picker tells where to send a request wants addresses.
    const least = config.picker === null ? 2 : 1;
    return mapServers(config, (servers) => this.#expandServers(servers, least));
  }

  async #resolve(name: string): Promise<void> {
    const before = this.#addresses.get(name);
    let found: readonly string[] = [];
    let why = "no address";
    try {
      found = [...new Set(await this.#lookup(name))]
        .filter((one) => isIP(one) > 0 && !one.includes("%"))
        .toSorted();
    } catch (error) {
      why = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
    }
    if (found.length === 0) {
      const kept =
        before === undefined ? "it is one server until it can be" : `it stays ${before.join(", ")}`;
      if (!this.#failing.has(name)) this.#onNotice(`${name} cannot be looked up (${why}); ${kept}`, false);
      this.#failing.add(name);
      return;
    }
    this.#failing.delete(name);
    this.#addresses.set(name, found);
    if (found.join() !== (before ?? found.slice(0, 1)).join())
      this.#onNotice(
        `${name} is ${found.length === 1 ? "one server" : `${found.length} servers`}: ${found.join(", ")}`,
        true,
      );
  }

  #expandServers(servers: ServersConfig, least: number): ServersConfig {
    const taken = new Set<string>(servers.urls);
    const each = servers.urls.flatMap((url, i) =>
      this.#expandUrl(url, servers.access[i], taken, least).map((one, _, all) => ({
        ...one,
        i,
        name: all.length === 1 ? servers.names[i] : null,
      })),
    );
    return {
      ...servers,
      urls: each.map(({ url }) => url),
      access: each.map(({ access }) => access),
      names: each.map(({ name }) => name),
      parts: each.map(({ i }) => servers.parts[i]),
      rankOffsets: each.map(({ i }) => servers.rankOffsets[i]),
      bootstrapPorts:
        servers.bootstrapPorts.length === 0 ? [] : each.map(({ i }) => servers.bootstrapPorts[i]),
    };
  }

  /**
   * @param taken the pool's other servers: a name that leads to one of them stays as it is
   * @param least addresses that take the name's place
   */
  #expandUrl(
    url: string,
    access: ServerAccess,
    taken: Set<string>,
    least: number,
  ): { readonly url: string; readonly access: ServerAccess }[] {
    const addresses = nameIn(url).flatMap((name) => this.#addresses.get(name) ?? []);
    const urls = addresses.map((address) => withHost(url, address));
    if (urls.length < least || urls.some((one) => taken.has(one))) return [{ url, access }];
    for (const one of urls) taken.add(one);
    const { host } = new URL(url);
    return urls.map((one) => ({ url: one, access: { ...access, host } }));
  }
}

/** The name that a URL has where others have an address; none where it has one, or is this machine's own. */
function nameIn(url: string): readonly string[] {
  const { hostname } = new URL(url);
  const own = hostname === "localhost" || hostname.endsWith(".localhost");
  return own || hostname.startsWith("[") || isIP(hostname) > 0 ? [] : [hostname];
}

function withHost(url: string, address: string): string {
  const { protocol, port, pathname } = new URL(url);
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return `${protocol}//${host}${port === "" ? "" : `:${port}`}${pathname.replace(/\/$/, "")}`;
}
