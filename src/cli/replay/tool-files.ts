import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { ownVersion } from "../../files/own-version.ts";
import { aiperfRecord } from "../../replay/report/other-tools/aiperf-record.ts";
import { AiperfSummary } from "../../replay/report/other-tools/aiperf-summary.ts";
import { llmDReport } from "../../replay/report/other-tools/llm-d-report.ts";
import { RequestSpreads } from "../../replay/report/other-tools/request-spreads.ts";
import { vllmResult } from "../../replay/report/other-tools/vllm-result.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import type { RequestFigures } from "../../replay/report/request-figures.ts";
import { writeOutput } from "../output.ts";

const AIPERF_LINES = "profile_export.jsonl";
/** While it is written; what a killed process leaves. */
const PARTIAL = `${AIPERF_LINES}.partial`;
const AIPERF = "profile_export_aiperf.json";
const VLLM = "results.json";
const LLM_D = "benchmark_report_v0.2.1.json";

/** What a folder holds of one load in other tools' words. */
export const TOOL_FILES = [VLLM, AIPERF_LINES, AIPERF, LLM_D, PARTIAL] as const;

/** One load in other tools' words: a line for each request, and three summaries. */
export class ToolFiles {
  readonly spreads = new RequestSpreads();
  readonly #aiperf = new AiperfSummary();
  readonly #folder: string;
  readonly #lines: WriteStream;
  readonly #written: Promise<void>;

  /** @param folder is there */
  constructor(folder: string) {
    this.#folder = folder;
    this.#lines = createWriteStream(join(folder, PARTIAL));
    this.#written = finished(this.#lines);
    // Whoever finishes is given it.
    this.#written.catch(() => {});
  }

  async add(figures: RequestFigures): Promise<void> {
    this.spreads.add(figures);
    this.#aiperf.add(figures);
    if (!this.#lines.write(`${aiperfRecord(figures)}\n`))
      await Promise.race([once(this.#lines, "drain"), this.#written]);
  }

  /** @param report of this load */
  async finish(report: ReplayReport): Promise<void> {
    this.#lines.end();
    await this.#written;
    await rename(join(this.#folder, PARTIAL), join(this.#folder, AIPERF_LINES));
    await writeJson(join(this.#folder, VLLM), vllmResult(report));
    await writeJson(join(this.#folder, AIPERF), this.#aiperf.json(report, this.spreads));
    await writeJson(join(this.#folder, LLM_D), llmDReport(report, this.spreads, ownVersion()));
  }
}

export function writeJson(path: string, value: unknown): Promise<void> {
  return writeOutput(path, `${JSON.stringify(value, null, 2)}\n`);
}
