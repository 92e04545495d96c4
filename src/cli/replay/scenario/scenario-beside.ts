import { setTimeout as sleep } from "node:timers/promises";
import type { LoadScenario, ScenarioChange } from "../../../model/load-scenario.ts";
import type { ReplaySummary } from "../../../replay/measures/measures.ts";
import type { ReplayReport } from "../../../replay/report/report.ts";
import type { CheckedThreshold } from "../../../replay/report/thresholds.ts";
import type { RequestRecord } from "../../../replay/request-record.ts";
import { type PoolSample, poolFigures } from "../../../replay/scenario/pool-samples.ts";
import type { ScenarioJudge } from "../../../replay/scenario/scenario-judge.ts";
import type { RunBeside } from "../run-beside.ts";
import { eventText, phases } from "./event-text.ts";
import { restartRanks } from "./restart-ranks.ts";
import type { ScenarioServer, SimpleChange } from "./scenario-server.ts";
import { alongTime, type Due } from "./timeline.ts";

const SAMPLE_EVERY_MS = 250;
/** A restart that has begun is seen to its end, so much longer at most. */
const GRACE_MS = 30_000;

export interface ScenarioParts {
  readonly path: string;
  readonly short: boolean;
  readonly scenario: LoadScenario;
  readonly judge: ScenarioJudge;
  readonly server: ScenarioServer;
  /** The pool of each event. */
  readonly places: readonly string[];
  /** The pool that is watched; null for none. */
  readonly watched: string | null;
  /** The server goes on after the run: what was done to it is undone. */
  readonly undoes: boolean;
  /** Why its own gateway is gone; null while it is there, and where it has none. */
  readonly gone: () => string | null;
  /** Where its own gateway's notices go. */
  readonly listen: (onNotice: (line: string) => void) => void;
}

/** Where something is done, and who is told. */
interface Doing {
  readonly pool: string;
  readonly now: () => number;
  readonly saying: (line: string) => void;
}

interface DoneEvent {
  readonly atMs: number;
  readonly doneMs: number;
  readonly pool: string;
  readonly change: SimpleChange;
  readonly error: string | null;
}

/** The events of a scenario, and how its pool is, while its load is played. */
export class ScenarioBeside implements RunBeside {
  readonly #parts: ScenarioParts;
  readonly #done: DoneEvent[] = [];
  readonly #samples: PoolSample[] = [];
  readonly #unfinished: string[] = [];

  constructor(parts: ScenarioParts) {
    this.#parts = parts;
  }

  begin(nowMs: () => number | null, say: (line: string) => void, signal: AbortSignal): () => Promise<void> {
    const { scenario, places, watched, listen } = this.#parts;
    const stop = new AbortController();
    const now = (): number => nowMs() ?? 0;
    const saying = (line: string): void => say(`${(now() / 1000).toFixed(1)} s: ${line}`);
    listen(saying);
    const restarts: Promise<void>[] = [];
    const coming = new Set(scenario.events);
    const events = scenario.events.map((event, i): Due => {
      const { atMs, change } = event;
      const doing = { pool: places[i], now, saying };
      const happen = async (): Promise<void> => {
        coming.delete(event);
        if (change.kind !== "restart") await this.#carryOut(change, atMs, doing);
        else restarts.push(this.#restart(change, atMs, doing, stop.signal));
      };
      return { atMs, happen };
    });
    const parts = phases(scenario.streams, scenario.durationMs).map(({ atMs, text }): Due => {
      return { atMs, happen: () => saying(text) };
    });
    const all = [
      alongTime(events, nowMs, stop.signal),
      alongTime(
        parts.toSorted((a, b) => a.atMs - b.atMs),
        nowMs,
        stop.signal,
      ),
      ...(watched === null ? [] : [alongTime(this.#looks(watched, now), nowMs, stop.signal)]),
    ];
    return async () => {
      if (this.#parts.gone() === null) await firstOf(Promise.all(restarts), GRACE_MS, signal);
      stop.abort();
      await Promise.all(all);
      await Promise.all(restarts);
      for (const { change } of coming)
        this.#unfinished.push(`${eventText(change)}: not before the run was over`);
      listen(() => {});
      await this.#undo();
    };
  }

  record(record: RequestRecord): void {
    this.#parts.judge.add(record);
  }

  get faults(): readonly string[] {
    const failed = this.#done.flatMap(({ change, error }) =>
      error === null ? [] : [`${eventText(change)}: ${error}`],
    );
    const gone = this.#parts.gone();
    const unmet = [...failed, ...this.#unfinished];
    return gone === null ? unmet : [...unmet, `the scenario's gateway died (${gone})`];
  }

  keys(): ReplayReport {
    const { path, short, scenario, watched } = this.#parts;
    return {
      scenario: { file: path, title: scenario.title, shows: scenario.shows, short },
      events: this.#done.map(({ atMs, doneMs, pool, change, error }) => {
        return { at_s: atMs / 1000, done_at_s: doneMs / 1000, pool, event: eventText(change), error };
      }),
      ...(watched === null
        ? {}
        : { pool: poolFigures(this.#samples, scenario.warmUpMs, Number.POSITIVE_INFINITY) }),
    };
  }

  check(reportOf: (part: ReplaySummary) => ReplayReport): readonly CheckedThreshold[] {
    return this.#parts.judge.check(reportOf, this.#samples);
  }

  /** @returns whether it was done */
  async #carryOut(change: SimpleChange, atMs: number, { pool, now, saying }: Doing): Promise<boolean> {
    const error = await this.#parts.server.carryOut(change, pool).then(
      () => null,
      (fault: Error) => fault.message,
    );
    this.#done.push({ atMs, doneMs: now(), pool, change, error });
    saying(error === null ? eventText(change) : `${eventText(change)}: not done (${error})`);
    return error === null;
  }

  async #restart(
    { ranks, awayMs }: Extract<ScenarioChange, { readonly kind: "restart" }>,
    atMs: number,
    doing: Doing,
    signal: AbortSignal,
  ): Promise<void> {
    const { server } = this.#parts;
    const left = await restartRanks(
      ranks,
      awayMs,
      {
        rankStates: async () =>
          (await server.pools())?.find(({ pool }) => pool === doing.pool)?.control?.ranks ?? null,
        stopped: () => server.stopped(doing.pool).catch(() => []),
        carryOut: (change) => this.#carryOut(change, atMs, doing),
      },
      signal,
    );
    if (left.length > 0)
      this.#unfinished.push(`GPU ${left.join(", ")} did not restart before the run was over`);
  }

  *#looks(watched: string, now: () => number): Generator<Due, void> {
    const { durationMs } = this.#parts.scenario;
    for (let atMs = 0; atMs < durationMs; atMs += SAMPLE_EVERY_MS)
      yield { atMs, happen: () => this.#look(watched, now) };
  }

  async #look(watched: string, now: () => number): Promise<void> {
    const pools = await this.#parts.server.pools();
    const control = pools?.find(({ pool }) => pool === watched)?.control ?? null;
    if (control === null) return;
    const { balancedness, missing, ranks } = control;
    const lostRanks = ranks.filter((rank) => rank === "lost").length;
    this.#samples.push({ atMs: now(), balancedness, missingExperts: missing.length, lostRanks });
  }

  /** Ranks that were stopped, drained or slowed down are as before. */
  async #undo(): Promise<void> {
    const { undoes, server } = this.#parts;
    if (!undoes) return;
    for (const { change, pool } of undoing(this.#done)) await server.carryOut(change, pool).catch(() => {});
  }
}

/** Waits until something is done, but not longer than that, nor than it is asked to. */
async function firstOf(done: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  await Promise.race([done, sleep(ms, undefined, { signal: either }).catch(() => {})]);
  over.abort();
}

const UNDO: Partial<Record<SimpleChange["kind"], "restore" | "undrain">> = {
  stop: "restore",
  lose: "restore",
  drain: "undrain",
};

interface Undoing {
  readonly change: SimpleChange;
  readonly pool: string;
}

/** What has to be done so that ranks are as they were. Doing what is so already changes nothing. */
function undoing(done: readonly DoneEvent[]): readonly Undoing[] {
  return done.flatMap(({ change, pool, error }): readonly Undoing[] => {
    if (error !== null || !("rank" in change)) return [];
    if (change.kind === "slow") return [{ pool, change: { ...change, factor: 1 } }];
    const kind = UNDO[change.kind];
    return kind === undefined ? [] : [{ pool, change: { kind, rank: change.rank } }];
  });
}
