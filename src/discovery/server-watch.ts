import type { Config } from "../config/config.ts";
import type { FoundServers } from "./found-servers.ts";
import { serversOf } from "./pool-servers.ts";
import { serverChanges } from "./server-changes.ts";
import type { ServerNames } from "./server-names.ts";

/** What servers are found by. */
export interface ServerSources {
  readonly found: FoundServers;
  readonly names: ServerNames;
}

export interface ServerWatchParts extends ServerSources {
  /** Goes on by another configuration. */
  readonly reload: (config: Config) => Promise<void>;
  /** Receives a fault when a change cannot be taken; it is tried again. */
  readonly onFault: (fault: Error) => void;
  /** Receives one line for a person when servers have come or gone. */
  readonly onNotice: (line: string) => void;
  /** Changes of sources that come closer together are taken as one. */
  readonly togetherMs?: number;
}

/**
 * Changes wait for others so long, and with many servers a millisecond for each: a reload takes a tenth of that (7 ms of a
 * core for 50 servers, 55 for 500).
 */
const TOGETHER_MS = 250;
/** A change that could not be taken is taken so much later. */
const AGAIN_MS = 2000;

/**
 * The configuration with every server that is found now.
 * @param again whether names that have addresses are looked up again
 */
export async function withServers(
  { found, names }: ServerSources,
  written: Config,
  again = true,
): Promise<Config> {
  return names.expand(await found.expand(written), again);
}

/**
 * Keeps a gateway's servers in step with what sources find and with the addresses of names. Changes are made one at a
 * time, and each goes by what is found when its turn comes: of a thousand changes in a row, those that are overtaken are
 * never made.
 */
export class ServerWatch {
  readonly #parts: ServerWatchParts;
  /** As it was written: with names. */
  #written: Config;
  /** With the servers that the gateway goes by. */
  #expanded: Config;
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;
  #started = false;
  #stopped = false;

  /** @param expanded `written` as the gateway was started by it */
  constructor(parts: ServerWatchParts, written: Config, expanded: Config) {
    this.#parts = parts;
    this.#written = written;
    this.#expanded = expanded;
    parts.found.onChange(() => this.#changed());
  }

  start(): void {
    if (!this.#started) this.#changed(0);
    this.#started = true;
    const { resolveMs } = this.#written.upstream;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (resolveMs === 0 || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#queue(() => this.#look(true));
      void this.#turn.then(() => this.start());
    }, resolveMs);
  }

  /** Goes on by what was written anew. Rejects when the gateway cannot; then nothing has changed. */
  async change(written: Config): Promise<void> {
    const changed = this.#turn.then(() => this.#take(written));
    this.#turn = changed.catch(() => {});
    await changed;
    this.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#soon !== null) clearTimeout(this.#soon);
    await this.#turn;
    await this.#parts.found.keep(null);
  }

  /** What changes until its turn comes is taken with it. */
  #changed(afterMs = this.#parts.togetherMs ?? togetherMs(this.#expanded)): void {
    if (this.#soon !== null || this.#stopped) return;
    this.#soon = setTimeout(() => {
      this.#queue(() => {
        this.#soon = null;
        return this.#look(false);
      });
    }, afterMs);
  }

  #queue(step: () => Promise<void>): void {
    this.#turn = this.#turn.then(step);
  }

  /** Never rejects. */
  async #look(again: boolean): Promise<void> {
    if (this.#stopped) return;
    try {
      const expanded = await withServers(this.#parts, this.#written, again);
      if (serversIn(expanded) !== serversIn(this.#expanded) && !this.#stopped) await this.#goOnBy(expanded);
    } catch (fault) {
      if (this.#stopped) return;
      this.#parts.onFault(fault as Error);
      this.#changed(AGAIN_MS);
    }
  }

  async #take(written: Config): Promise<void> {
    if (this.#stopped) throw new Error("the gateway is stopping");
    try {
      await this.#goOnBy(await withServers(this.#parts, written));
      this.#written = written;
    } finally {
      await this.#parts.found.keep(this.#written);
    }
  }

  async #goOnBy(expanded: Config): Promise<void> {
    await this.#parts.reload(expanded);
    for (const line of serverChanges(this.#expanded, expanded)) this.#parts.onNotice(line);
    this.#expanded = expanded;
  }
}

function togetherMs({ pools }: Config): number {
  const servers = pools.flatMap(serversOf).reduce((sum, { urls }) => sum + urls.length, 0);
  return Math.max(TOGETHER_MS, servers);
}

function serversIn({ pools }: Config): string {
  return JSON.stringify(pools);
}
