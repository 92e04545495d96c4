import { setTimeout as pause } from "node:timers/promises";
import type { Rng } from "../../lib/rng.ts";
import type { EngineServer, ShardReport } from "../engine.ts";
import type { ProbeSettings } from "./settings.ts";

/** Part of the interval by which each pause is varied, so that servers are not all asked at once. */
const JITTER = 0.1;

/** Hears what each probe brought. */
export interface ProbeListener {
  probed(server: EngineServer, reports: readonly ShardReport[]): void;
  /** @param why one clause for a person */
  probeFailed(server: EngineServer, why: string): void;
}

/** Asks every server how it is, again and again; never one twice at a time. */
export class ProbeLoop {
  readonly #servers: readonly EngineServer[];
  readonly #settings: ProbeSettings;
  readonly #listener: ProbeListener;
  readonly #rng: Rng;
  readonly #stopping = new AbortController();
  #loops: readonly Promise<void>[] = [];

  constructor(servers: readonly EngineServer[], settings: ProbeSettings, listener: ProbeListener, rng: Rng) {
    this.#servers = servers;
    this.#settings = settings;
    this.#listener = listener;
    this.#rng = rng;
  }

  /** Resolves when every server has been asked once, whatever it said: within the time a probe may take. */
  async start(): Promise<void> {
    const first = this.#servers.map((server) => this.#probe(server));
    this.#loops = this.#servers.map((server, i) => this.#goOn(server, first[i]));
    await Promise.all(first);
  }

  /** Gives up the probes under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  async #goOn(server: EngineServer, first: Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    await first;
    while (!signal.aborted) {
      const ms = this.#settings.intervalMs * (1 + JITTER * (2 * this.#rng.uniform() - 1));
      await pause(ms, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#probe(server);
    }
  }

  async #probe(server: EngineServer): Promise<void> {
    const stopping = this.#stopping.signal;
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(this.#settings.timeoutMs)]);
    try {
      const reports = await server.probe(signal);
      if (!stopping.aborted) this.#listener.probed(server, reports);
    } catch (error) {
      const late = `no answer within ${this.#settings.timeoutMs} ms`;
      const why = signal.aborted ? late : error instanceof Error ? error.message : String(error);
      if (!stopping.aborted) this.#listener.probeFailed(server, why);
    }
  }
}
