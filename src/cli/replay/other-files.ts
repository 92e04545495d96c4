import { join } from "node:path";
import type { ReplayReport } from "../../replay/report/report.ts";
import { goodputOf, textIn } from "../../replay/report/report-value.ts";
import { RunWindows } from "../../replay/report/run-windows.ts";
import { writeOutput } from "../output.ts";
import { runPage } from "./page/run-page.ts";
import { runRequests } from "./run-requests.ts";
import { StepFolders, SWEEP_SUMMARY } from "./step-folders.ts";
import { TOOL_FILES, ToolFiles } from "./tool-files.ts";

const PAGE = "report.html";
/** Of a run on its page. */
const WINDOWS = 60;

/** What a run's folder holds beside its own report, and beside the folders of its steps. */
export const OTHER_FILES = [PAGE, SWEEP_SUMMARY, ...TOOL_FILES] as const;

/**
 * Writes a finished run once more, in other tools' words: from its requests on the disk, so that a run has no more to do
 * while it lasts, and its page. Of several loads one after the other each has a folder.
 * @param requests where they are
 * @throws InputError where something could not be written
 */
export async function writeOtherFiles(folder: string, requests: string, report: ReplayReport): Promise<void> {
  const [startedAt, endedAt] = ["started_at", "ended_at"].map((key) => Date.parse(textIn(report, key)));
  const windows = new RunWindows(startedAt, endedAt, WINDOWS, goodputOf(report));
  const one = Object.hasOwn(report, "steps") ? null : new ToolFiles(folder);
  const files = one ?? new StepFolders(folder, report);
  for await (const figures of runRequests(requests)) {
    windows.add(figures);
    await files.add(figures);
  }
  await files.finish(report);
  await writeOutput(join(folder, PAGE), runPage(report, one?.spreads ?? null, windows));
}
