import type { Clock } from "../../lib/clock.ts";
import { EngineUnreachable, type EngineServer, type LoadReport, type ModelCard } from "../engine.ts";
import type { NewsListener, ServerNews } from "./server-news.ts";
import type { ProbeSettings } from "./settings.ts";

/** How long loads and models may take; readiness does not depend on them. */
const QUESTION_WITHIN_MS = 5000;

/** Asks one server for its health, its loads and its models; each question has its own time, and is asked once at a time. */
export class ServerProbe {
  readonly #server: EngineServer;
  readonly #settings: ProbeSettings;
  readonly #listener: NewsListener;
  readonly #clock: Clock;
  readonly #stopping: AbortSignal;
  #loadsFailed = 0;
  #loadsKnown = false;
  #listing: Promise<void> | null = null;
  /** What it listed last, without what changes from answer to answer. */
  #listed = "";
  /** Probes in a row that found nobody. */
  #nobodyThere = 0;

  constructor(
    server: EngineServer,
    settings: ProbeSettings,
    listener: NewsListener,
    clock: Clock,
    stopping: AbortSignal,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#stopping = stopping;
  }

  /**
   * Whether it should be asked again at once: a server that is gone is to be found quickly, but one refusal may be
   * chance.
   */
  get doubtful(): boolean {
    return this.#nobodyThere > 0 && this.#nobodyThere < this.#settings.unhealthyAfter;
  }

  /** Resolves with the answer or when it was given up. A late answer is reported as missed, and still waited for. */
  async health(): Promise<void> {
    const { timeoutMs, lateMs } = this.#settings;
    const signal = this.#signal(timeoutMs);
    let reportedMs = 0;
    // The same words however long it takes, so that the log has one line.
    const lateWhy = lateAfter(Math.min(lateMs, timeoutMs));
    const silent = (upToMs: number, why = lateWhy, nobodyThere = false) => {
      this.#report({ kind: "silent", waitedMs: upToMs - reportedMs, nobodyThere, why });
      reportedMs = upToMs;
    };
    const late = setInterval(() => {
      const waitedMs = reportedMs + lateMs;
      if (waitedMs < timeoutMs) silent(waitedMs);
    }, lateMs).unref();
    const began = this.#clock.now();
    try {
      const health = await within(signal, this.#server.health(signal));
      this.#nobodyThere = 0;
      this.#report({ kind: "health", waitedMs: this.#clock.now() - began, ...health });
    } catch (error) {
      const gone = error instanceof EngineUnreachable && error.nobodyThere;
      this.#nobodyThere = gone ? this.#nobodyThere + 1 : 0;
      if (signal.aborted) silent(timeoutMs);
      else silent(this.#clock.now() - began, whyOf(error), gone);
    } finally {
      clearInterval(late);
    }
  }

  async loads(): Promise<void> {
    const signal = this.#signal(QUESTION_WITHIN_MS);
    try {
      const loads = await within(signal, this.#server.loads(signal));
      this.#loadsFailed = 0;
      this.#loadsKnown = true;
      this.#report({ kind: "loads", loads });
    } catch (error) {
      // After one answer that is late or lost the last report remains in use.
      if (++this.#loadsFailed < this.#settings.unhealthyAfter && this.#loadsKnown) return;
      const lack = `asked for its load: ${signal.aborted ? lateAfter(QUESTION_WITHIN_MS) : whyOf(error)}`;
      const none: LoadReport = { serves: true, load: null, lack };
      this.#report({ kind: "loads", loads: this.#server.shards.map(() => none) });
    }
  }

  /** Reports what it lists when that has changed. A call while it is being asked waits for the same answer. */
  models(): Promise<void> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #list(): Promise<void> {
    const signal = this.#signal(QUESTION_WITHIN_MS);
    try {
      const cards = await within(signal, this.#server.models(signal));
      const listed = JSON.stringify(cards.map(lasting));
      if (listed === this.#listed) return;
      this.#listed = listed;
      this.#report({ kind: "models", cards });
    } catch {
      // What it listed last remains in use.
    }
  }

  #signal(withinMs: number): AbortSignal {
    return AbortSignal.any([this.#stopping, AbortSignal.timeout(withinMs)]);
  }

  #report(news: ServerNews): void {
    if (!this.#stopping.aborted) this.#listener.news(this.#server, news);
  }
}

/** Without the time of the answer, which engines write into it. */
function lasting(card: ModelCard): ModelCard {
  return { ...card, created: 0, permission: null };
}

/** An adapter may ignore the signal. */
async function within<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const give = () => reject(signal.reason as Error);
  signal.addEventListener("abort", give);
  if (signal.aborted) give();
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener("abort", give);
  }
}

function lateAfter(ms: number): string {
  return `no answer within ${ms} ms`;
}

/** A clause that names no server: the notice begins with its name. */
function whyOf(error: unknown): string {
  if (error instanceof EngineUnreachable && error.cause instanceof Error) {
    const { cause } = error;
    const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
    return error.nobodyThere ? `nobody takes connections there: ${code}` : `no answer: ${code}`;
  }
  return error instanceof Error ? error.message : String(error);
}
