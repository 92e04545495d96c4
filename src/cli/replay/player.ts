import type { LiveMeasures } from "../../replay/measures/live-measures.ts";
import type { TraceReading } from "../../formats/traces/trace-parser.ts";
import { type LoadPlan, loadOf } from "../../replay/load/load-plan.ts";
import { WHOLE } from "../../replay/load/share.ts";
import { Replay, type ReplayOptions, type ReplayOutcome } from "../../replay/replay.ts";
import type { RequestRecord } from "../../replay/request-record.ts";
import type { ReplayFlags } from "./flags.ts";
import type { OpenRequests } from "./open-requests.ts";
import type { ReplaySettings } from "./settings.ts";

/** A load that was played. */
export interface Played {
  readonly outcome: ReplayOutcome;
  /** By the wall clock, milliseconds since 1970. */
  readonly startedAt: number;
  /** What happened that makes the run another than was asked for, one line each; empty where nothing did. */
  readonly faults: readonly string[];
  /** What the trace could not be read on for; null where it could. */
  readonly broken: Error | null;
}

/** How a trace was read, and how often it began. */
export interface TraceState {
  readonly reading: TraceReading;
  readonly passes: number;
}

/** @param startedAt as `Played` has it */
export type OnRecord = (record: RequestRecord, startedAt: number) => void;

/** Plays loads, one after the other; each takes its requests where the one before has stopped. */
export interface Player {
  /** Resolves when every answer is in. Aborting cuts what is in flight. */
  play(plan: LoadPlan, onRecord: OnRecord, signal: AbortSignal): Promise<Played>;
  /** The load that is played now; null where none is. */
  live(): LiveMeasures | null;
  /** Of the load's clock, milliseconds since it began; null where none is played. */
  nowMs(): number | null;
  /** How far the trace was read, by now. */
  trace(): TraceState;
  close(): Promise<void>;
}

/** What of a replay does not change from one load to the next. */
export function sendingOptions(
  flags: ReplayFlags,
  { target, extra, goodput, timeoutMs, maxInFlight }: ReplaySettings,
  model: string,
  { words }: Pick<OpenRequests, "words">,
): Omit<ReplayOptions, "load" | "onRecord"> {
  const { lengths, endpoint, seed, retries, cancel } = flags;
  return {
    target,
    style: { endpoint, model, lengths, extra },
    maxInFlight,
    seed,
    words,
    timeoutMs,
    retries,
    leaving: cancel,
    goodput,
  };
}

/** Plays in this process. */
export class OwnPlayer implements Player {
  readonly #options: Omit<ReplayOptions, "load" | "onRecord">;
  readonly #requests: OpenRequests;
  #replay: Replay | null = null;

  constructor(options: Omit<ReplayOptions, "load" | "onRecord">, requests: OpenRequests) {
    this.#options = options;
    this.#requests = requests;
  }

  async play(plan: LoadPlan, onRecord: OnRecord, signal: AbortSignal): Promise<Played> {
    const replay = new Replay({
      ...this.#options,
      load: loadOf(plan, this.#requests.source, WHOLE),
      onRecord: (record) => onRecord(record, replay.startedAt),
    });
    this.#replay = replay;
    const outcome = await replay.run(signal);
    return { outcome, startedAt: replay.startedAt, faults: [], broken: this.#requests.broken() };
  }

  live(): LiveMeasures | null {
    return this.#replay?.live() ?? null;
  }

  nowMs(): number | null {
    return this.#replay?.nowMs ?? null;
  }

  trace(): TraceState {
    return { reading: this.#requests.reading(), passes: this.#requests.passes() };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
