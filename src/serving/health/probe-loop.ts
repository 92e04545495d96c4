import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import { type EngineServer, serverInstance } from "../engine.ts";
import type { NewsListener } from "./server-news.ts";
import { ServerProbe } from "./server-probe.ts";
import type { ProbeSettings } from "./settings.ts";

/** Part of the interval by which each pause is varied, so that servers are not all asked at once. */
const JITTER = 0.1;
/** The start waits so long for the first answers. */
const START_WITHIN_MS = 2000;
/** The pause before a server that took no connection is asked again. */
const SOON_MS = 100;
/** The shortest time between two requests for a server's list of models. */
const MODELS_EVERY_MS = 1000;

/** Asks every server for its health, its loads and its models, again and again; no question waits for another. */
export class ProbeLoop {
  readonly #servers: readonly EngineServer[];
  readonly #probes: readonly ServerProbe[];
  readonly #settings: ProbeSettings;
  readonly #rng: Rng;
  readonly #stopping = new AbortController();
  #loops: readonly Promise<void>[] = [];

  constructor(
    servers: readonly EngineServer[],
    settings: ProbeSettings,
    listener: NewsListener,
    clock: Clock,
    rng: Rng,
  ) {
    this.#servers = servers;
    this.#settings = settings;
    this.#rng = rng;
    const { signal } = this.#stopping;
    this.#probes = servers.map((server) => new ServerProbe(server, settings, listener, clock, signal));
  }

  /**
   * Resolves when every server has answered once or failed to, or after two seconds.
   * @param known servers of which enough is known: they are asked in their turn, and not waited for
   */
  async start(known: ReadonlySet<string> = new Set()): Promise<void> {
    const { intervalMs } = this.#settings;
    const first: Promise<void>[] = [];
    this.#loops = this.#probes.flatMap((probe, i) => {
      const isKnown = known.has(serverInstance(this.#servers[i]));
      const repeat = (ask: () => Promise<void>, everyMs: () => number) => {
        // Spread over the interval, so that servers are not all asked at once.
        const asked = isKnown ? this.#pause(everyMs() * this.#rng.uniform()) : ask();
        if (!isKnown) first.push(asked);
        return this.#goOn(asked, ask, everyMs, isKnown);
      };
      return [
        repeat(
          () => probe.health(),
          () => (probe.doubtful ? Math.min(SOON_MS, intervalMs) : intervalMs),
        ),
        repeat(
          () => probe.loads(),
          () => intervalMs,
        ),
        repeat(
          () => probe.models(),
          () => Math.max(intervalMs, MODELS_EVERY_MS),
        ),
      ];
    });
    const enough = new AbortController();
    const late = pause(START_WITHIN_MS, undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([Promise.all(first), late]);
    enough.abort();
  }

  /** Asks what it lists, or every server where none is named, ahead of time. */
  async askModels(server: EngineServer | null = null): Promise<void> {
    const asked = this.#probes.filter((_, i) => server === null || this.#servers[i] === server);
    await Promise.all(asked.map((probe) => probe.models()));
  }

  /** Gives up the questions under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  /** @param paused whether `first` is only a pause */
  async #goOn(
    first: Promise<void>,
    ask: () => Promise<void>,
    everyMs: () => number,
    paused: boolean,
  ): Promise<void> {
    const { signal } = this.#stopping;
    await first;
    if (paused && !signal.aborted) await ask();
    while (!signal.aborted) {
      await this.#pause(everyMs() * (1 + JITTER * (2 * this.#rng.uniform() - 1)));
      if (!signal.aborted) await ask();
    }
  }

  #pause(ms: number): Promise<void> {
    return pause(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
  }
}
