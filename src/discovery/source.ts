import type { ServerName } from "../model/server-name.ts";
import type { ServerPart } from "../model/server-part.ts";

/**
 * One server as a source has it. `ready`: takes requests. `serving`: is about to end and still answers, so that new
 * requests go there only where nothing is ready. `unready`: takes none.
 */
export interface Endpoint {
  /** As the configuration has URLs: without credentials or a last slash. */
  readonly url: string;
  /** Sent as `authorization`; null for nothing. */
  readonly authorization: string | null;
  /** Null for one that has only its URL. */
  readonly name: ServerName | null;
  readonly state: "ready" | "serving" | "unready";
  /** Which part it is to get; absent for one like the others'. */
  readonly part?: ServerPart;
}

/** Receives what happens to a source. */
export interface SourceListener {
  /** It has another list. */
  changed(): void;
  /** One line for a person. @param well whether the source works, as far as that says */
  notice(line: string, well: boolean): void;
}

/** How a source is. */
export interface SourceView {
  /** Those there are now; null until that is known. */
  readonly endpoints: readonly Endpoint[] | null;
  /** Whether it could be read the last time. */
  readonly isReadable: boolean;
  /** How often the list was another than before, the first time included. */
  readonly changes: number;
}

/**
 * Servers that come and go. What it found last stays in use while nobody can tell; each fault is said once, and that it
 * is over.
 */
export interface ServerSource {
  /** For a person, e.g. `SRV records of _http._tcp.engines`. */
  readonly what: string;
  readonly state: SourceView;
  /** Resolves once there is a list, or that has failed for the first time; it goes on either way. Never rejects. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Those that take requests, each URL and each name once, in a fixed order. */
export function inUse(all: readonly Endpoint[]): readonly Endpoint[] {
  const ready = all.filter(({ state }) => state === "ready");
  // As kube-proxy does: what is about to end serves until something else does.
  const chosen = ready.length > 0 ? ready : all.filter(({ state }) => state === "serving");
  const urls = new Set<string>();
  const names = new Set<string>();
  const used: Endpoint[] = [];
  for (const endpoint of chosen.toSorted(byName)) {
    const { url, name } = endpoint;
    if (urls.has(url)) continue;
    urls.add(url);
    const doubled = name !== null && names.has(name.name);
    if (name !== null) names.add(name.name);
    used.push(doubled ? { ...endpoint, name: null } : endpoint);
  }
  return used;
}

function byName(a: Endpoint, b: Endpoint): number {
  const [one, other] = [a.name?.name ?? "", b.name?.name ?? ""];
  if (one !== other) return one < other ? -1 : 1;
  if (a.url === b.url) return 0;
  return a.url < b.url ? -1 : 1;
}
