import { join } from "node:path";
import { Command } from "commander";
import { type Scenario, loadScenario } from "../config/scenario.ts";
import { InputError } from "../lib/errors.ts";
import type { Comparison } from "../model/comparison.ts";
import { comparePolicies } from "../twin/compare-policies.ts";
import { StepRecorder } from "../twin/step-recorder.ts";
import { SyntheticRouting } from "../twin/synthetic-routing.ts";
import { TraceRouting } from "../twin/trace-routing.ts";
import type { VirtualRunResult } from "../twin/run/virtual-run.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { WIDE_EP_ENGINE } from "../twin/engine-settings.ts";
import { type CalibrateFlags, calibrate } from "./calibrate.ts";
import { comparisonTable } from "./comparison-table.ts";
import { drain } from "./drain.ts";
import { decimals, milliseconds } from "./number-text.ts";
import { countOption, jsonOption } from "./options.ts";
import { type Output, output, writeOutput } from "./output.ts";
import { checkServes, longest, poolText } from "./pool-text.ts";
import { scenarioRun } from "./scenario-run.ts";
import { openRouting, openTenants, openTraffic } from "./simulation-inputs.ts";

interface SimulateFlags extends CalibrateFlags {
  readonly scenario?: string;
  readonly out?: string;
  readonly calibrate?: true;
}

/** `simulate`: the demo's pool in virtual time. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("Run a simulated pool on a trace in virtual time, and compare the ways of balancing it.")
    .option("--scenario <file>", "what to run (YAML; see loadtest/scenarios)")
    .option("--out <dir>", "folder for report.json")
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
  const { run, comparison } = await runScenario(flags.scenario, scenario, out);
  const { model, topology } = scenario;
  const report = { scenario: flags.scenario, model: model.name, topology, run, comparison };
  await writeOutput(join(flags.out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  out.result(report, `${runText(run)}\n\n${comparisonTable(comparison)}`);
}

async function runScenario(
  path: string,
  scenario: Scenario,
  out: Output,
): Promise<{ run: VirtualRunResult; comparison: Comparison }> {
  const { model, topology, cadence, seed, fidelity, shape } = scenario;
  const hardware = modelledHardware(model, scenario.gpu);
  checkServes(path, "topology", model, topology, hardware, shape);
  out.progress(poolText(model, topology, hardware, shape));
  const trace = await openRouting(scenario.routing, model, out);
  const routing =
    trace === null
      ? new SyntheticRouting(model, seed)
      : new TraceRouting(trace, await openTenants(scenario.tenants, trace));
  const traffic = await openTraffic(scenario.trace, scenario.requestsPerSecond, seed);
  const recorder = new StepRecorder(scenario.recordTokens);
  const run = drain(
    scenarioRun(scenario, "plimsoll", { routing, traffic, recorder, observer: null }),
    (percent) => out.progress(`simulating: ${percent}`),
  );
  if (run.requests > 0 && run.refused === run.requests) {
    const most = longest(model, topology, hardware, shape);
    const hint = `leaves a rank room for requests of up to ${most} tokens, and all ${run.requests} are longer`;
    throw new InputError(path, "topology", `${hint}; give more GPUs, or fewer slots`);
  }
  const comparison = drain(
    comparePolicies(recorder, {
      model,
      topology,
      routing,
      cadence,
      seed,
      fidelity,
      hardware,
      engine: { ...WIDE_EP_ENGINE, shape },
    }),
    (percent) => out.progress(`comparing policies: ${percent}`),
  );
  return { run, comparison };
}

function refusedText({ refused }: VirtualRunResult): string {
  return refused === 0 ? "none refused" : `${refused} refused: longer than a rank's cache`;
}

function runText(run: VirtualRunResult): string {
  const pair = (latency: VirtualRunResult["ttftMs"]) =>
    `${milliseconds(latency?.p50)} / ${milliseconds(latency?.p95)}`;
  return [
    `${run.requests} requests (${refusedText(run)}), ${run.inputTokens} tokens in (${run.cachedTokens} of them cached), ${run.outputTokens} out, ${run.steps} steps`,
    `in ${(run.virtualMs / 1000).toFixed(1)} virtual seconds; ${run.epochs} epochs, ${run.movedSlots} slots moved`,
    `per token and layer: ${decimals(run.nodeHopsPerToken, 3)} node hops, ${decimals(run.hopsPerToken, 3)} hops; balancedness ${decimals(run.balancedness, 3)}`,
    `p50 / p95, ms: TTFT ${pair(run.ttftMs)}, ITL ${pair(run.itlMs)}, TPOT ${pair(run.tpotMs)}, E2E ${pair(run.e2eMs)}`,
  ].join("\n");
}
