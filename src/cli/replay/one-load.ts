import type { LoadPlan } from "../../replay/load/load-plan.ts";
import { notices } from "../../replay/report/notices.ts";
import { replayReport } from "../../replay/report/report.ts";
import { checkThreshold } from "../../replay/report/thresholds.ts";
import { shownUrl } from "../../replay/target.ts";
import { output } from "../output.ts";
import { readingNotes } from "./open-trace.ts";
import { exitCodeOf, failedText, failedTooMany } from "./outcome-code.ts";
import { run } from "./run.ts";
import type { RunParts } from "./run-parts.ts";
import { reportSetting } from "./settings.ts";
import { replayTable, thresholdLines } from "./table.ts";

/** Plays one load, writes its files, and says what was measured. */
export async function oneLoad(parts: RunParts, plan: LoadPlan): Promise<void> {
  const { flags, settings, requests, model, files, player, beside } = parts;
  const { target, thresholds } = settings;
  const played = await run(parts, planFor(plan, requests.lastMs));
  const { outcome, partial, interrupted, startedAt, broken, faults } = played;
  const { reading, passes } = player.trace();
  const trace = { ...requests, reading };
  const common = { ...reportSetting(flags, settings, trace), model, tracePasses: passes };
  const times = { startedAt, endedAt: Date.now(), partial };
  const setting = { ...common, ...times };
  const report = { ...replayReport(setting, outcome), ...beside?.keys() };
  const checked = [
    ...thresholds.map((threshold) => checkThreshold(threshold, report)),
    ...(beside?.check((part) => replayReport(setting, { ...part, client: outcome.client })) ?? []),
  ];
  const written = checked.length === 0 ? report : { ...report, thresholds: [...checked] };
  // What was measured is said, also where it cannot be written.
  const unwritten = await files.finish(written).then(
    () => null,
    (error: unknown) => error as Error,
  );

  const out = output(flags.json ?? false);
  out.result(written, [replayTable(outcome, outcome.client), ...thresholdLines(checked)].join("\n"));
  for (const line of [...readingNotes(reading, parts.doubts), ...notices(outcome, flags.lengths)])
    out.progress(line);
  if (outcome.sent === 0 && outcome.warmUps > 0)
    out.progress(`Nothing was measured: all ${outcome.warmUps} requests were of the warm-up.`);
  if (unwritten !== null) throw unwritten;
  if (partial !== null) out.progress(`${partial}: ${flags.out} holds what ran until then`);
  if (broken !== null) throw broken;
  const { maxFailed } = flags;
  if (failedTooMany(outcome, maxFailed))
    out.progress(`${shownUrl(target.url)}: ${failedText(outcome, maxFailed)}`);
  const thresholdsMet = checked.every(({ met }) => met);
  process.exitCode = exitCodeOf({
    outcome,
    interrupted,
    whole: faults.length === 0,
    thresholdsMet,
    maxFailed,
  });
}

/** The plan of a trace's own clock ends when that does. */
function planFor(plan: LoadPlan, lastMs: number | null): LoadPlan {
  return plan.pace.kind === "trace" ? { ...plan, pace: { ...plan.pace, lastMs } } : plan;
}
