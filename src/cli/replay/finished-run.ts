import { join } from "node:path";
import { InputError } from "../../lib/errors.ts";
import { numberIn, textIn } from "../../replay/report/report-value.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import { readInput } from "../output.ts";

const RUN = "plimsoll.replay/1";
const CURVE = "plimsoll.replay-curve/1";

/** Two runs of one load, or two load curves. */
export interface FinishedPair {
  readonly kind: "runs" | "curves";
  readonly a: ReplayReport;
  readonly b: ReplayReport;
}

/** @throws InputError where a folder holds no run that is over, or the other another kind of run */
export async function finishedPair(folderA: string, folderB: string): Promise<FinishedPair> {
  const [a, b] = [await finishedReport(folderA), await finishedReport(folderB)];
  const [format, other] = [textIn(a, "format"), textIn(b, "format")];
  if (format !== other)
    throw new InputError(
      join(folderB, "report.json"),
      "format",
      format === RUN
        ? `is "${other}"; expected ${RUN}, a run of one load as A is, for a load curve is compared with another alone`
        : `is "${other}"; expected ${CURVE}, a load curve as A is`,
    );
  const [sweep, otherSweep] = [textIn(a, "sweep"), textIn(b, "sweep")];
  if (format === CURVE && sweep !== otherSweep)
    throw new InputError(
      join(folderB, "report.json"),
      "sweep",
      `is "${otherSweep}", and A's is "${sweep}", so that no load is shared; give two curves of one kind`,
    );
  return { kind: format === CURVE ? "curves" : "runs", a, b };
}

async function finishedReport(folder: string): Promise<ReplayReport> {
  const path = join(folder, "report.json");
  const bytes = await readInput(path).catch((error: unknown) => {
    if (error instanceof InputError)
      throw new InputError(
        folder,
        "",
        "holds no report.json that can be read; give the --out of a run that is over",
      );
    throw error;
  });
  const report = parsed(path, bytes);
  const format = textIn(report, "format");
  if (format !== RUN && format !== CURVE)
    throw new InputError(
      path,
      "format",
      `is ${JSON.stringify(format)}; expected ${RUN}, a run of one load, or ${CURVE}`,
    );
  if (format === RUN && !((numberIn(report, "duration") ?? 0) > 0))
    throw new InputError(path, "duration", "is no number above 0; give a run that replay has written");
  return report;
}

function parsed(path: string, bytes: Uint8Array): ReplayReport {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new InputError(path, "", "is no JSON; give a run that replay has written");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InputError(path, "", "is no object; give a run that replay has written");
  return value as ReplayReport;
}
