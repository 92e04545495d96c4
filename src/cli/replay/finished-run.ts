import { join } from "node:path";
import { InputError } from "../../lib/errors.ts";
import { numberIn, textIn } from "../../replay/report/report-value.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import { readInput } from "../output.ts";

const FORMAT = "plimsoll.replay/1";

/** @throws InputError where the folder holds no run of one load that is over */
export async function finishedRun(folder: string): Promise<ReplayReport> {
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
  if (format !== FORMAT)
    throw new InputError(
      path,
      "format",
      `is ${JSON.stringify(format)}; expected ${FORMAT}, a run of one load`,
    );
  if (!((numberIn(report, "duration") ?? 0) > 0))
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
