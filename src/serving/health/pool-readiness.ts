import type { EngineServer } from "../engine.ts";
import type { ServerNews } from "./server-news.ts";
import { ServerReadiness } from "./server-readiness.ts";
import type { HealthSettings } from "./settings.ts";

/** The most reasons that one line names. */
const MOST_REASONS = 3;
const NO_SERVER = "no server was found yet";
const UNKNOWN = "no answer to a probe yet";

interface Watched {
  readonly readiness: ServerReadiness;
  /** Why it is not ready; null while it is. */
  lack: string | null;
}

/** Which shards of a pool can serve: their server is ready, and has them. */
export class PoolReadiness {
  readonly #settings: HealthSettings;
  readonly #ready: Uint8Array;
  readonly #of = new Map<EngineServer, Watched>();
  /** `[shards]` */
  readonly #servers: Watched[] = [];
  /** `[shards]`: what a server answers about a rank that it does not have; null for one it has. */
  readonly #absent: (string | null)[] = [];

  /** @param ready `[shards]`, written here */
  constructor(servers: readonly EngineServer[], ready: Uint8Array, settings: HealthSettings) {
    this.#settings = settings;
    this.#ready = ready;
    for (const server of servers) {
      const watched = { readiness: new ServerReadiness(settings.probe), lack: null };
      this.#of.set(server, watched);
      for (const { rank } of server.shards) {
        this.#servers[rank] = watched;
        this.#absent[rank] = null;
      }
    }
  }

  /** What was known of the servers that were there before. @param previous `[shards]`, as in PoolHealth.resume */
  resume(before: PoolReadiness, previous: Int32Array): void {
    for (const [shard, from] of previous.entries()) {
      if (from < 0) continue;
      const watched = this.#servers[shard];
      const old = before.#servers[from];
      if (watched.readiness.resume(old.readiness)) watched.lack = old.lack;
      this.#absent[shard] ??= before.#absent[from];
    }
  }

  /** @returns whether the server was away and is back */
  received(
    server: EngineServer,
    news: Extract<ServerNews, { kind: "health" | "silent" }>,
    nowMs: number,
  ): boolean {
    const watched = this.#of.get(server);
    if (watched === undefined) return false;
    const { readiness } = watched;
    let back = false;
    let lack = watched.lack;
    if (news.kind === "silent") {
      lack = news.why;
      if (news.nobodyThere) readiness.nobodyThere();
      else readiness.silent(nowMs - news.waitedMs, nowMs);
    } else if (news.ready) {
      back = readiness.good();
    } else {
      lack = news.lack;
      readiness.unready(nowMs - news.waitedMs, nowMs);
    }
    watched.lack = readiness.state === "ready" ? null : lack;
    return back;
  }

  /** The shard's server answers requests. @returns whether that made it ready */
  alive(shard: number, nowMs: number): boolean {
    const watched = this.#servers[shard];
    const before = watched.readiness.state;
    watched.readiness.alive(nowMs);
    if (watched.readiness.state === before) return false;
    watched.lack = null;
    return true;
  }

  /** Whether the shard's server is ready, as far as is known. */
  answers(shard: number): boolean {
    return this.#servers[shard].readiness.state === "ready";
  }

  /** Whether the shard's server has ever shown that it serves. */
  isKnown(shard: number): boolean {
    return this.#servers[shard].readiness.known;
  }

  /** @param absent what the server answers about a rank that it does not have; null for one it has */
  rank(shard: number, absent: string | null): void {
    this.#absent[shard] = absent;
  }

  /** Why the shard is not ready by itself; null when it is. */
  lack(shard: number): string | null {
    return this.#servers[shard].lack ?? this.#absent[shard];
  }

  /** Why the pool cannot serve: one clause that names no server; null when a shard is ready that has once served. */
  get poolLack(): string | null {
    if (this.#servers.some(({ readiness }, shard) => readiness.known && this.#ready[shard] === 1))
      return null;
    if (this.#servers.length === 0) return NO_SERVER;
    const lacks = new Set(this.#servers.map((_, shard) => this.lack(shard) ?? UNKNOWN));
    return [...lacks].slice(0, MOST_REASONS).join("; ");
  }

  /**
   * Writes which shards are ready. When too few are, those whose server is only late count as ready too: a slow answer
   * is better than none.
   * @returns whether late ones count as ready
   */
  write(): boolean {
    let ready = 0;
    let late = 0;
    for (let shard = 0; shard < this.#ready.length; shard++) {
      const state = this.#stateOf(shard);
      if (state === "ready") ready++;
      else if (state === "late") late++;
    }
    const few = ready === 0 || 100 * ready < this.#settings.panicPercent * (ready + late);
    const panics = late > 0 && few;
    for (let shard = 0; shard < this.#ready.length; shard++) {
      const state = this.#stateOf(shard);
      this.#ready[shard] = state === "ready" || (panics && state === "late") ? 1 : 0;
    }
    return panics;
  }

  #stateOf(shard: number): ServerReadiness["state"] {
    return this.#absent[shard] === null ? this.#servers[shard].readiness.state : "unready";
  }
}
