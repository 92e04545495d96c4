import type { TraceRequest } from "../../model/traffic.ts";
import { oneLine } from "../../lib/printable.ts";
import type { LookedAhead } from "../../replay/look-ahead.ts";
import { openLoop } from "../../replay/open-loop.ts";
import type { PromptWords } from "../../replay/prompt-words.ts";
import { Replay, type ReplayOutcome } from "../../replay/replay.ts";
import { REFUSES_FORCING, refusesForcing } from "../../replay/report/notices.ts";
import { requestLine } from "../../replay/report/request-line.ts";
import type { RequestRecord } from "../../replay/request-record.ts";
import { schedule } from "../../replay/schedule.ts";
import { LiveSummary } from "../live-summary.ts";
import { stoppable } from "../stoppable.ts";
import type { ReplayFlags } from "./flags.ts";
import type { RunFiles } from "./run-files.ts";
import type { ReplaySettings } from "./settings.ts";

const VIEW_EVERY_MS = 1000;

export interface RunParts {
  readonly flags: ReplayFlags;
  readonly settings: ReplaySettings;
  readonly model: string;
  readonly words: PromptWords;
}

export interface Run {
  readonly outcome: ReplayOutcome;
  /** Why it ended before its load did; null where it did not. */
  readonly partial: string | null;
  /** It was stopped before its time was over; not where `--duration` was over, and it waited for what was late. */
  readonly interrupted: boolean;
  /** What the trace could not be read on for; null where it could. */
  readonly broken: Error | null;
  /** By the wall clock, milliseconds since 1970. */
  readonly startedAt: number;
}

/** Plays the trace under the live view, and writes a line for each request. */
export async function run(
  { flags, settings, model, words }: RunParts,
  { requests, lastMs }: LookedAhead,
  files: RunFiles,
): Promise<Run> {
  const { speed, lengths, endpoint, maxInFlight, seed, retries, cancel } = flags;
  const { target, extra, goodput, timeoutMs, durationMs } = settings;
  const view = new LiveSummary(process.stderr);
  let refusal = false;
  const onRecord = (record: RequestRecord): void => {
    files.line(requestLine(record, replay.startedAt));
    if (refusal || lengths !== "forced" || !refusesForcing(record)) return;
    refusal = true;
    view.say(`${REFUSES_FORCING} It said: ${oneLine(record.errorText ?? "")}`);
  };
  let broken: Error | null = null;
  const readable = untilBroken(requests, (error) => (broken = error));
  const endsAtMs = Math.min(durationMs, lastMs === null ? Number.POSITIVE_INFINITY : lastMs / speed);
  const replay = new Replay({
    target,
    style: { endpoint, model, lengths, extra },
    load: openLoop(schedule(readable, speed, durationMs), Number.isFinite(endsAtMs) ? endsAtMs : null),
    maxInFlight,
    seed,
    words,
    timeoutMs,
    retries,
    leaving: cancel,
    goodput,
    onRecord,
  });
  const { outcome, stopped } = await stoppable((signal) => watched(replay, view, signal));
  const why = broken === null ? null : "the trace cannot be read on";
  return {
    outcome,
    partial: stopped ? "interrupted" : why,
    interrupted: stopped && outcome.durationMs < durationMs,
    broken,
    startedAt: replay.startedAt,
  };
}

async function watched(
  replay: Replay,
  view: LiveSummary,
  signal: AbortSignal,
): Promise<{ readonly outcome: ReplayOutcome; readonly stopped: boolean }> {
  const show = (): void => view.update({ traffic: replay.live(), pool: null, keys: null });
  const timer = setInterval(show, VIEW_EVERY_MS);
  try {
    const outcome = await replay.run(signal);
    return { outcome, stopped: signal.aborted };
  } finally {
    clearInterval(timer);
    view.close();
  }
}

/** Ends where the trace cannot be read on: what has been sent until then is measured all the same. */
async function* untilBroken(
  requests: AsyncIterable<TraceRequest>,
  onBroken: (error: Error) => void,
): AsyncGenerator<TraceRequest, void> {
  try {
    yield* requests;
  } catch (error) {
    onBroken(error as Error);
  }
}
