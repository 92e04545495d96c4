import { Command } from "commander";
import { readConstantsFile } from "../config/calibration/constants-file.ts";
import { type Scenario, loadScenario } from "../config/scenario.ts";
import { InputError } from "../lib/errors.ts";
import { chromeTrace } from "../report/chrome-trace.ts";
import { reportPage } from "../report/html/page.ts";
import { SERIES_HEADER } from "../report/series-row.ts";
import { routingSources } from "../twin/routing-sources.ts";
import { USUAL_SKEW } from "../model/expert-skew.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { type CalibrateFlags, calibrate } from "./calibrate.ts";
import { comparisonTable } from "./comparison-table.ts";
import { countOption, jsonOption } from "./options.ts";
import { type Output, output } from "./output.ts";
import { checkServes, poolText } from "./pool-text.ts";
import { ProgressBar } from "./progress-bar.ts";
import { RunFolder } from "./run-folder.ts";
import { lostLines, runTable } from "./run-table.ts";
import { scenarioIdentity } from "./scenario-identity.ts";
import { COMPARISON_WEIGHT, type ScenarioInputs, type ScenarioRuns, runPolicies } from "./scenario-runs.ts";
import { openExperts, openTenants, openTraffic } from "./simulation-inputs.ts";
import { stoppable } from "./stoppable.ts";

const INTERRUPTED = 130;
const FILES = ["requests.jsonl", "series.csv", "trace.json", "report.json", "report.html"] as const;
type ReportFolder = RunFolder<(typeof FILES)[number]>;

interface SimulateFlags extends CalibrateFlags {
  readonly scenario?: string;
  readonly out?: string;
  readonly calibrate?: true;
}

/** `simulate`: the demo's pool in virtual time. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("Run a simulated pool on a trace in virtual time, under each way of balancing it.")
    .option("--scenario <file>", "what to run (YAML; see loadtest/scenarios)")
    .option(
      "--out <dir>",
      "folder for the report: report.html, report.json, requests.jsonl, series.csv, trace.json",
    )
    .option(
      "--calibrate",
      "run nothing; say what the cost model predicts beside what was published or measured",
    )
    .option(
      "--measured <file>",
      "with --calibrate: serving points (CSV; docs/calibration.md has the columns)",
    )
    .option(
      "--cross-validate",
      "with --measured: predict each row by constants fitted to the others (a minute)",
    )
    .addOption(
      countOption(
        "--run <n>",
        "with --measured: run so many of its points in the twin, step by step (seconds each)",
      ),
    )
    .option("--fit <file>", "with --measured: fit a few factors to it, and write the constants to this file")
    .option("--constants <file>", "with --calibrate: constants that --fit wrote (default: those that ship)")
    .addOption(jsonOption())
    .exitOverride()
    .action(simulate);
}

async function simulate(flags: SimulateFlags): Promise<void> {
  if (flags.calibrate) return calibrate(flags);
  const stray = (["measured", "crossValidate", "run", "fit", "constants"] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (stray !== undefined)
    throw new InputError(
      stray === "crossValidate" ? "--cross-validate" : `--${stray}`,
      "",
      "goes with --calibrate; add that",
    );
  if (flags.scenario === undefined) throw new InputError("--scenario", "", "is missing; expected a file");
  if (flags.out === undefined) throw new InputError("--out", "", "is missing; expected a folder");
  return simulateScenario({ scenario: flags.scenario, out: flags.out, json: flags.json });
}

async function simulateScenario(
  flags: Readonly<{ scenario: string; out: string; json: true | undefined }>,
): Promise<void> {
  const scenario = await loadScenario(flags.scenario);
  const out = output(flags.json ?? false);
  const { model, topology, decode, shape } = scenario;
  const hardware = modelledHardware(model, scenario.gpu);
  checkServes(flags.scenario, "topology", model, topology, hardware, shape);
  if (decode !== null) checkServes(flags.scenario, "decodeTopology", model, decode.topology, hardware, shape);
  const inputs = await openInputs(scenario, out);
  out.progress(poolText(model, topology, hardware, shape));
  if (decode !== null) out.progress(poolText(model, decode.topology, hardware, shape));
  // Signals are heard before there is anything that would be left.
  await stoppable((signal) => simulateInto(flags, scenario, inputs, out, signal));
}

async function simulateInto(
  flags: Readonly<{ scenario: string; out: string }>,
  scenario: Scenario,
  inputs: ScenarioInputs,
  out: Output,
  signal: AbortSignal,
): Promise<void> {
  const folder: ReportFolder = new RunFolder(flags.out, FILES);
  const compared = scenario.recordTokens === 0 ? 0 : COMPARISON_WEIGHT;
  const bar = new ProgressBar(process.stderr, scenario.policies.length + compared);
  try {
    const runs = await run(flags.scenario, scenario, inputs, folder, bar, signal);
    bar.clear();
    const report = await writeReport(folder, flags.scenario, scenario, runs);
    folder.finish();
    const { figures, comparison } = runs;
    const parts = [runTable(figures), ...lostLines(figures)];
    if (comparison !== null) parts.push(comparisonTable(comparison));
    out.result(report, `${parts.join("\n\n")}\n\n${flags.out}: ${FILES.toReversed().join(", ")}`);
  } catch (error) {
    folder.discard();
    bar.clear();
    if (!(error instanceof Stopped)) throw error;
    out.progress(`stopped; nothing was written to ${flags.out}`);
    process.exitCode = INTERRUPTED;
  }
}

/** A person has asked to stop. */
class Stopped extends Error {}

function run(
  path: string,
  scenario: Scenario,
  inputs: ScenarioInputs,
  folder: ReportFolder,
  bar: ProgressBar,
  signal: AbortSignal,
): Promise<ScenarioRuns> {
  const series = (line: string) => folder.write("series.csv", `${line}\n`);
  series(SERIES_HEADER);
  const lines = { request: (line: string) => folder.write("requests.jsonl", `${line}\n`), series };
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(new Stopped()));
  return runPolicies({ path, scenario, inputs, lines, bar, signal: stop.signal });
}

/** @throws InputError */
async function openInputs(scenario: Scenario, out: Output): Promise<ScenarioInputs> {
  const { model, seed } = scenario;
  const trace = await openExperts(scenario, model, seed, out);
  const tenants = trace === null ? null : await openTenants(scenario.tenants, trace);
  const traffic = await openTraffic(scenario.trace, scenario.requestsPerSecond, seed);
  return {
    traffic,
    routing: routingSources(model, seed, trace, { tenants, skew: scenario.skew ?? USUAL_SKEW }),
  };
}

/** Writes all but the lines that the runs have written; returns what report.json holds. */
async function writeReport(
  folder: ReportFolder,
  path: string,
  scenario: Scenario,
  { logs, figures, comparison }: ScenarioRuns,
): Promise<object> {
  const { model, topology, fidelity } = scenario;
  for (const part of chromeTrace(logs, path)) folder.write("trace.json", part);
  const own = figures.find(({ name }) => name === "plimsoll") ?? figures.at(-1);
  const report = {
    scenario: path,
    model: model.name,
    topology,
    fidelity,
    seed: scenario.seed,
    run: own,
    policies: figures,
    comparison,
  };
  folder.write("report.json", `${JSON.stringify(report, null, 2)}\n`);
  const { unseen } = await readConstantsFile();
  const page = reportPage({
    identity: scenarioIdentity(path, scenario),
    figures,
    logs,
    level: scenario.slo,
    comparison,
    trust: { fidelity, unseen: unseen.folds },
  });
  folder.write("report.html", page);
  return report;
}
