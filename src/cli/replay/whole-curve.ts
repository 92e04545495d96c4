import { curveReport } from "../../replay/report/curve-report.ts";
import { checkThreshold } from "../../replay/report/thresholds.ts";
import { shownUrl } from "../../replay/target.ts";
import { output } from "../output.ts";
import { playCurve } from "./curve.ts";
import type { CurveSettings } from "./curve-settings.ts";
import { curveTable } from "./curve-table.ts";
import { readingNotes } from "./open-trace.ts";
import { curveExitCode, failedText, failedTooMany } from "./outcome-code.ts";
import type { RunParts } from "./run-parts.ts";
import { reportSetting } from "./settings.ts";
import { thresholdLines } from "./table.ts";

/** Plays a whole curve, writes its files, and says what was measured. */
export async function wholeCurve(parts: RunParts, asked: CurveSettings): Promise<void> {
  const { flags, settings, requests, model, files, player } = parts;
  const startedAt = Date.now();
  const played = await playCurve(flags, asked, settings.goodput, { player, files });
  const { steps, max, partial, interrupted, faulty, broken } = played;
  const curve = { ...asked, steps, max };
  const { reading, passes } = player.trace();
  const trace = { ...requests, reading };
  const common = { ...reportSetting(flags, settings, trace), model, tracePasses: passes };
  const report = curveReport(common, { startedAt, endedAt: Date.now(), partial }, curve);
  const checked = settings.thresholds.map((threshold) => checkThreshold(threshold, report));
  const whole = checked.length === 0 ? report : { ...report, thresholds: [...checked] };
  // What was measured is said, also where it cannot be written.
  const unwritten = await files.finish(whole).then(
    () => null,
    (error: unknown) => error as Error,
  );

  const out = output(flags.json ?? false);
  out.result(whole, [curveTable(curve), ...thresholdLines(checked)].join("\n"));
  for (const line of readingNotes(reading, parts.doubts)) out.progress(line);
  if (unwritten !== null) throw unwritten;
  if (partial !== null) out.progress(`${partial}: ${flags.out} holds the steps until then`);
  if (broken !== null) throw broken;
  const least = steps.toSorted((a, b) => a.load - b.load).at(0)?.outcome ?? null;
  const { maxFailed } = flags;
  if (least !== null && (least.completed === 0 || failedTooMany(least, maxFailed)))
    out.progress(`${shownUrl(settings.target.url)}: ${failedText(least, maxFailed)} even at the least load`);
  const thresholdsMet = checked.every(({ met }) => met);
  process.exitCode = curveExitCode({ least, interrupted, whole: !faulty, thresholdsMet, maxFailed });
}
