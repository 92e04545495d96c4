import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { ownVersion } from "../../capture/own-version.ts";
import { aiperfRecord } from "../../replay/report/other-tools/aiperf-record.ts";
import { AiperfSummary } from "../../replay/report/other-tools/aiperf-summary.ts";
import { llmDReport } from "../../replay/report/other-tools/llm-d-report.ts";
import { RequestSpreads } from "../../replay/report/other-tools/request-spreads.ts";
import { vllmResult } from "../../replay/report/other-tools/vllm-result.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import { goodputOf, textIn } from "../../replay/report/report-value.ts";
import { RunWindows } from "../../replay/report/run-windows.ts";
import { writeOutput } from "../output.ts";
import { runPage } from "./page/run-page.ts";
import { runRequests } from "./run-requests.ts";

const AIPERF_LINES = "profile_export.jsonl";
const AIPERF = "profile_export_aiperf.json";
const VLLM = "results.json";
const LLM_D = "benchmark_report_v0.2.1.json";
const PAGE = "report.html";
/** Of a run on its page. */
const WINDOWS = 60;

/** What a run's folder holds beside its own report. */
export const OTHER_FILES = [PAGE, VLLM, AIPERF_LINES, AIPERF, LLM_D] as const;

/**
 * Writes a finished run once more, in other tools' words: from its requests on the disk, so that a run has no more to do
 * while it lasts, and its page. Of several loads one after the other there are only the requests, and the page.
 * @param requests where they are
 * @throws InputError where something could not be written
 */
export async function writeOtherFiles(folder: string, requests: string, report: ReplayReport): Promise<void> {
  const spreads = new RequestSpreads();
  const aiperf = new AiperfSummary();
  const [startedAt, endedAt] = ["started_at", "ended_at"].map((key) => Date.parse(textIn(report, key)));
  const windows = new RunWindows(startedAt, endedAt, WINDOWS, goodputOf(report));
  const path = join(folder, AIPERF_LINES);
  const partial = `${path}.partial`;
  const lines = createWriteStream(partial);
  const written = finished(lines);
  written.catch(() => {});
  for await (const figures of runRequests(requests)) {
    spreads.add(figures);
    aiperf.add(figures);
    windows.add(figures);
    if (!lines.write(`${aiperfRecord(figures)}\n`)) await Promise.race([once(lines, "drain"), written]);
  }
  lines.end();
  await written;
  await rename(partial, path);
  await writeOutput(join(folder, PAGE), runPage(report, spreads, windows));
  if (!Object.hasOwn(report, "completed")) return;
  const write = (name: string, value: unknown): Promise<void> =>
    writeOutput(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  await write(VLLM, vllmResult(report));
  await write(AIPERF, aiperf.json(report, spreads));
  await write(LLM_D, llmDReport(report, spreads, ownVersion()));
}
