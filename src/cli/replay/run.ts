import { oneLine } from "../../lib/printable.ts";
import type { LoadPlan } from "../../replay/load/load-plan.ts";
import { REFUSES_FORCING, refusesForcing } from "../../replay/report/notices.ts";
import { requestLine } from "../../replay/report/request-line.ts";
import type { RequestRecord } from "../../replay/request-record.ts";
import { LiveSummary } from "../live-summary.ts";
import { stoppable } from "../stoppable.ts";
import type { ReplayFlags } from "./flags.ts";
import type { Played, Player } from "./player.ts";
import type { RunFiles } from "./run-files.ts";
import type { RunParts } from "./run-parts.ts";

const VIEW_EVERY_MS = 1000;

export interface Run extends Played {
  /** Why it ended before its load did, or was less than it; null where it was whole. */
  readonly partial: string | null;
  /** It was stopped before its time was over; not where `--duration` was over, and it waited for what was late. */
  readonly interrupted: boolean;
}

/** Plays a load under the live view, and writes a line for each request. */
export function run(
  { flags, player, files, beside }: Pick<RunParts, "flags" | "player" | "files" | "beside">,
  plan: LoadPlan,
): Promise<Run> {
  return watched(player, async (view, signal) => {
    const write = recordWriter(flags, files, view);
    const end = beside?.begin(
      () => player.nowMs(),
      (line) => view.say(line),
      signal,
    );
    const onRecord = (record: RequestRecord, startedAt: number): void => {
      write(record, startedAt);
      beside?.record(record);
    };
    const played = await ending(player.play(plan, onRecord, signal), end);
    const faults = [...played.faults, ...(beside?.faults ?? [])];
    const broken = played.broken === null ? null : "the trace cannot be read on";
    const why = faults.length > 0 ? faults.join("; ") : broken;
    return {
      ...played,
      faults,
      partial: signal.aborted ? "interrupted" : why,
      interrupted: signal.aborted && played.outcome.durationMs < plan.bounds.durationMs,
    };
  });
}

/** What was played, when what goes on beside it is over too. */
async function ending(playing: Promise<Played>, end: (() => Promise<void>) | undefined): Promise<Played> {
  try {
    return await playing;
  } finally {
    await end?.();
  }
}

/** Does something under the live view of what is played, until Ctrl-C. */
export async function watched<T>(
  player: Player,
  work: (view: LiveSummary, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const view = new LiveSummary(process.stderr);
  // Of several loads one after the other, each has a clock of its own.
  let [before, last] = [0, 0];
  const timer = setInterval(() => {
    const traffic = player.live();
    if (traffic === null) return;
    if (traffic.elapsedMs < last) before += last;
    last = traffic.elapsedMs;
    view.update({ traffic: { ...traffic, elapsedMs: before + last }, pool: null, keys: null });
  }, VIEW_EVERY_MS);
  try {
    return await stoppable((signal) => work(view, signal), { hangup: true });
  } finally {
    clearInterval(timer);
    view.close();
  }
}

/** Writes a line for each request, and says at the first why a server refuses forced lengths. */
export function recordWriter(
  { lengths }: ReplayFlags,
  files: RunFiles,
  view: LiveSummary,
): (record: RequestRecord, startedAt: number, more?: Readonly<Record<string, number>>) => void {
  let refusal = false;
  return (record, startedAt, more) => {
    files.line(requestLine(record, startedAt, more));
    if (refusal || lengths !== "forced" || !refusesForcing(record)) return;
    refusal = true;
    view.say(`${REFUSES_FORCING} It said: ${oneLine(record.errorText ?? "")}`);
  };
}
