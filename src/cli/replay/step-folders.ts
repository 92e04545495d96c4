import { existsSync } from "node:fs";
import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { CurveSteps, loadOfStep, stepsIn } from "../../replay/curve/curve-steps.ts";
import { vllmResult } from "../../replay/report/other-tools/vllm-result.ts";
import { textIn } from "../../replay/report/report-value.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import type { RequestFigures } from "../../replay/report/request-figures.ts";
import { makeFolder } from "../make-folder.ts";
import { TOOL_FILES, ToolFiles, writeJson } from "./tool-files.ts";

/** All steps, as `vllm bench sweep plot` reads them. */
export const SWEEP_SUMMARY = "summary.json";

const STEP_FOLDER = /^(?:concurrency|request_rate)_\d+(?:\.\d+)?(?:_run_\d+)?$/;

/** The steps of a load curve in other tools' words: a folder each, named as aiperf names those of a sweep. */
export class StepFolders {
  readonly #folder: string;
  readonly #steps: readonly ReplayReport[];
  readonly #names: readonly string[];
  readonly #places: CurveSteps;
  #open: { readonly place: number; readonly files: ToolFiles } | null = null;

  constructor(folder: string, report: ReplayReport) {
    this.#folder = folder;
    this.#steps = stepsIn(report);
    this.#names = folderNames(textIn(report, "sweep"), this.#steps);
    this.#places = new CurveSteps(this.#steps);
  }

  /** Requests of a step come one after the other. */
  async add(figures: RequestFigures): Promise<void> {
    const place = this.#places.placeOf(figures);
    if (place < 0) return;
    if (this.#open?.place !== place) {
      await this.#close();
      const folder = join(this.#folder, this.#names[place]);
      makeFolder(folder);
      this.#open = { place, files: new ToolFiles(folder) };
    }
    await this.#open.files.add(figures);
  }

  async finish(): Promise<void> {
    await this.#close();
    const rows = this.#steps.map((step) => ({ ...vllmResult(step), run_number: 0 }));
    await writeJson(join(this.#folder, SWEEP_SUMMARY), rows);
  }

  async #close(): Promise<void> {
    if (this.#open === null) return;
    const { place, files } = this.#open;
    this.#open = null;
    await files.finish(this.#steps[place]);
  }
}

/** Removes what a curve has left in a folder, and nothing else. */
export async function removeStepFolders(folder: string): Promise<void> {
  await rm(join(folder, SWEEP_SUMMARY), { force: true });
  for (const name of (await readdir(folder)).filter((entry) => STEP_FOLDER.test(entry))) {
    const step = join(folder, name);
    for (const file of TOOL_FILES) await rm(join(step, file), { force: true });
    if (existsSync(step) && (await readdir(step)).length === 0) await rmdir(step);
  }
}

/** A load that was played again has the number of the time behind its name. */
function folderNames(sweep: string, steps: readonly ReplayReport[]): string[] {
  const seen = new Map<string, number>();
  return steps.map((step) => {
    const load = loadOfStep(step);
    const name =
      sweep === "concurrency"
        ? `concurrency_${load}`
        : `request_rate_${Number.isInteger(load) ? load.toFixed(1) : load}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name}_run_${times}`;
  });
}
