import type { Config, ServersConfig } from "../config/config.ts";
import type { DiscoverySource } from "../config/discover-config.ts";
import type { SrvLookup } from "./dns-source.ts";
import { openSource } from "./open-source.ts";
import type { SourceReading } from "../model/source-reading.ts";
import { EQUAL_PART } from "../model/server-part.ts";
import { mapServers, serversOf } from "./pool-servers.ts";
import { type ServerSource, type SourceListener, type SourceView, inUse } from "./source.ts";

/** A start, or a reload, waits so long for what a new source finds first; then it goes on without. */
const FIRST_WITHIN_MS = 5000;

interface Opened {
  readonly source: ServerSource;
  readonly started: Promise<void>;
}

/** The sources that the pools of a configuration name, and the servers that they have found. */
export class FoundServers {
  readonly #srv: SrvLookup;
  readonly #onNotice: SourceListener["notice"];
  readonly #onChange = new Set<() => void>();
  /** By what they are asked for. */
  readonly #sources = new Map<string, Opened>();

  constructor(srv: SrvLookup, onNotice: SourceListener["notice"]) {
    this.#srv = srv;
    this.#onNotice = onNotice;
  }

  /** Is called when a source has another list. */
  onChange(listener: () => void): void {
    this.#onChange.add(listener);
  }

  /** The configuration with the servers that its sources have found; it waits for the first answer of new ones. */
  async expand(config: Config): Promise<Config> {
    const started = sourcesIn(config).map((source) => this.#open(source, config).started);
    if (started.length > 0) await withinTime(Promise.all(started));
    return mapServers(config, (servers) => this.#expandServers(servers, config));
  }

  /** What those of a configuration have found, for people: one line each, and how many servers that are; null: not known. */
  found(config: Config): readonly { readonly line: string; readonly servers: number | null }[] {
    const lines = sourcesIn(config).map((source) => {
      const { what, state } = this.#open(source, config).source;
      const { endpoints } = state;
      const servers = endpoints === null ? null : inUse(endpoints).length;
      return { line: `${what}: ${foundText(endpoints)}`, servers };
    });
    return [...new Map(lines.map((one) => [one.line, one])).values()];
  }

  /** How every source is that is open. */
  readings(): readonly SourceReading[] {
    return [...this.#sources.values()].map(({ source: { what, state } }) => ({
      source: what,
      isReadable: state.isReadable,
      servers: inUse(state.endpoints ?? []).length,
      changes: state.changes,
    }));
  }

  /** Closes the sources that a configuration does not name. */
  async keep(config: Config | null): Promise<void> {
    const named = new Set(config === null ? [] : sourcesIn(config).map((source) => keyOf(source, config)));
    const gone = [...this.#sources].filter(([key]) => !named.has(key));
    for (const [key] of gone) this.#sources.delete(key);
    await Promise.all(gone.map(([, { source }]) => source.stop()));
  }

  #open(source: DiscoverySource, config: Config): Opened {
    const key = keyOf(source, config);
    const open = this.#sources.get(key);
    if (open !== undefined) return open;
    const opened = openSource(source, this.#srv, config.upstream.resolveMs, {
      changed: () => {
        for (const listener of this.#onChange) listener();
      },
      notice: this.#onNotice,
    });
    const entry = { source: opened, started: opened.start() };
    this.#sources.set(key, entry);
    return entry;
  }

  /** Servers that are named come first; of those that are found, they are left out. */
  #expandServers(servers: ServersConfig, config: Config): ServersConfig {
    const { discover } = servers;
    if (discover === null) return servers;
    const { endpoints } = this.#open(discover.source, config).source.state;
    const found = inUse(endpoints ?? []).filter(({ url }) => !servers.urls.includes(url));
    const { bootstrapPort } = discover;
    const ports = bootstrapPort === null ? [] : found.map(() => bootstrapPort);
    return {
      ...servers,
      urls: [...servers.urls, ...found.map(({ url }) => url)],
      access: [
        ...servers.access,
        ...found.map(({ authorization }) => ({ ...discover.access, authorization })),
      ],
      names: [...servers.names, ...found.map(({ name }) => name)],
      parts: [...servers.parts, ...found.map(({ part = EQUAL_PART }) => part)],
      rankOffsets: [...servers.rankOffsets, ...found.map(() => 0)],
      bootstrapPorts: [...servers.bootstrapPorts, ...ports],
    };
  }
}

function sourcesIn(config: Config): readonly DiscoverySource[] {
  return config.pools.flatMap(serversOf).flatMap(({ discover }) => discover?.source ?? []);
}

function keyOf(source: DiscoverySource, { upstream }: Config): string {
  return JSON.stringify([source, source.kind === "dns" ? upstream.resolveMs : null]);
}

function foundText(endpoints: SourceView["endpoints"]): string {
  if (endpoints === null) return "nothing is known yet";
  const used = inUse(endpoints);
  const names = used.map(({ url, name, part }) => {
    const called = name === null ? url : `${name.name} (${url})`;
    return part === undefined || part.tier === 0 ? called : `${called} as a backup`;
  });
  const others = endpoints.length - used.length;
  const left = others === 0 ? "" : `; ${others} more not ready, or about to end`;
  return used.length === 0
    ? `no server${left}`
    : `${used.length === 1 ? "one server" : `${used.length} servers`}: ${names.join(", ")}${left}`;
}

async function withinTime(all: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, FIRST_WITHIN_MS);
  await Promise.race([all, late.promise]);
  clearTimeout(timer);
}
