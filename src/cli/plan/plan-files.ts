import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import type { TraceRequest } from "../../model/traffic.ts";
import type { Parallelism } from "../../twin/calibration/serving-point.ts";
import { drawRequests } from "../../planner/demand.ts";
import { type Layout, gpusOf, nodeGpus } from "../../planner/layout.ts";
import { openConstants } from "../../planner/open-times.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { batchedAs } from "../../planner/engine-batching.ts";
import { CADENCE_AT_FIRST, balancedBy } from "../../planner/trial.ts";
import { warmSeconds } from "../../planner/unit-traffic.ts";
import { writeOutput } from "../output.ts";
import type { PlanFlags } from "../../plans/plan-flags.ts";
import { planPage } from "./plan-page.ts";
import { gatewayConfig } from "../../plans/gateway-config.ts";
import { kubernetesManifest } from "../../plans/kubernetes/manifest.ts";
import { startTexts } from "../../plans/starts/start-text.ts";
import { manifestText } from "./manifest-text.ts";
import { isAsked } from "./plan-words.ts";

/** Seeds of what the answer was chosen and confirmed by are below. */
const OTHER_SEED = 100;
const UNIT_REQUESTS = 600;
const WHOLE_SECONDS = 120;

/**
 * Writes a plan's files: the answer, a scenario of one unit at its part of the load with a spare away, its requests, those of
 * the whole for a replay, a gateway's configuration, and TensorRT-LLM's options.
 * @returns what can be done with them, in lines
 * @throws InputError
 */
export async function writePlanFiles(
  folder: string,
  plan: Plan,
  problem: PlanProblem,
  flags: PlanFlags,
  report: object,
): Promise<string> {
  const { demand, seed } = problem;
  const rate = plan.rate / plan.chosen.units;
  const tpotMs = plan.chosen.trials[0].tpotMs ?? problem.target.itlMs;
  const seconds = warmSeconds(problem, tpotMs) + UNIT_REQUESTS / rate;
  const unit = drawRequests(demand, rate, seconds, seed + OTHER_SEED);
  const whole = drawRequests(demand, plan.rate, WHOLE_SECONDS, seed + OTHER_SEED);
  const starts = startTexts(plan, problem);
  const config = stringify(gatewayConfig(plan, problem));
  const manifest = kubernetesManifest(plan, problem, config);
  const files: Record<string, string> = {
    "plan.html": planPage(plan, problem, flags),
    "unit-requests.jsonl": mooncakeLines(unit),
    "all-requests.jsonl": mooncakeLines(whole),
    "scenario.yaml": stringify(scenarioOf(plan, problem, flags, unit)),
    "plimsoll.yaml": config,
    ...(typeof manifest === "string" ? {} : { "kubernetes.yaml": manifestText(manifest) }),
    ...Object.fromEntries(
      isAsked("trtllm", problem)
        ? starts.map(({ role, trtllmOptions }) => [`trtllm-${role}.yaml`, trtllmOptions])
        : [],
    ),
  };
  await writePlanJson(folder, report);
  for (const [name, text] of Object.entries(files)) await writeOutput(join(folder, name), text);
  const { ttftPercentile, ttftMs, itlPercentile, itlMs } = problem.target;
  const thresholds = [`'p${ttftPercentile}_ttft_ms<${ttftMs}'`, `'p${itlPercentile}_itl_ms<${itlMs}'`];
  return [
    `${folder}: plan.json, ${Object.keys(files).join(", ")}`,
    `  in the twin, a unit with a spare away:  plimsoll simulate --scenario ${join(folder, "scenario.yaml")} --out ${join(folder, "run")}`,
    `  on the real thing, the whole load:      plimsoll replay --trace ${join(folder, "all-requests.jsonl")} --url http://GATEWAY:8080 --out ${join(folder, "replay")} --threshold ${thresholds.join(" ")}`,
    typeof manifest === "string"
      ? `  there is no kubernetes.yaml: ${manifest}`
      : `  in Kubernetes, with what its first lines ask for:  kubectl apply -f ${join(folder, "kubernetes.yaml")}`,
  ].join("\n");
}

/** The answer, what was asked, and the runs it stands on. @throws InputError */
export async function writePlanJson(folder: string, report: object): Promise<void> {
  await mkdir(folder, { recursive: true }).catch(() => undefined);
  await writeOutput(join(folder, "plan.json"), `${JSON.stringify(report, null, 1)}\n`);
}

function mooncakeLines(requests: readonly TraceRequest[]): string {
  const line = ({ arrivalMs, inputTokens, outputTokens, prefixBlocks }: TraceRequest) =>
    JSON.stringify({
      timestamp: Number(arrivalMs.toFixed(3)),
      input_length: inputTokens,
      output_length: outputTokens,
      ...(prefixBlocks === undefined ? {} : { hash_ids: prefixBlocks }),
    });
  return requests.map((request) => `${line(request)}\n`).join("");
}

/** What `simulate` runs to check the plan: other requests of the same kind. */
function scenarioOf(
  plan: Plan,
  problem: PlanProblem,
  flags: PlanFlags,
  unit: readonly TraceRequest[],
): object {
  const { model, precision } = flags;
  const { layout } = plan.chosen;
  const { decode, prefill, redundantSlots, stepTokens, type } = layout;
  const beforeMs = 1000 * openConstants(layout, problem).first;
  const topologyOf = (shape: Parallelism) =>
    topologyText(shape, problem.model.experts, redundantSlots, layout);
  return {
    model: /\.ya?ml$/.test(model) ? resolve(model) : model,
    gpu: type.gpu.name,
    // The usual GPU's figures are kernels', whatever the engine.
    ...(problem.engine === null || type.overlaps ? {} : { constants: { engine: problem.engine } }),
    ...(precision === undefined ? {} : { precision }),
    topology: topologyOf(prefill ?? decode),
    ...(prefill === null ? {} : { decodeTopology: topologyOf(decode), decodeAssignment: "decode" }),
    attention: { tp: decode.tp },
    experts: { tp: decode.moeTp },
    assignment: prefill === null ? "least-in-flight" : "prefill",
    engine: batchedAs(problem.engine),
    stepTokens,
    runningPerRank: plan.running,
    trace: "unit-requests.jsonl",
    ...expertsOf(flags),
    durationSeconds: Math.ceil((unit.at(-1)?.arrivalMs ?? 1000) / 1000),
    sharesSeconds: CADENCE_AT_FIRST.sharesMs / 1000,
    placementSeconds: CADENCE_AT_FIRST.placementMs / 1000,
    policies: [balancedBy(layout, problem.model.experts)],
    // A client's first token comes later by what HTTP, its prompt's text and scheduling take.
    slo: { ttftMs: Math.round(problem.target.ttftMs - beforeMs), tpotMs: problem.target.itlMs },
    seed: problem.seed + OTHER_SEED,
  };
}

function expertsOf({ routing, load, skew }: PlanFlags): object {
  return {
    routing: routing === undefined ? null : resolve(routing),
    ...(load === undefined ? {} : { load: resolve(load) }),
    ...(skew === undefined ? {} : { skew }),
  };
}

function topologyText(shape: Parallelism, experts: number, redundant: number, { type }: Layout): string {
  const gpus = gpusOf(shape);
  const nodes = gpus / nodeGpus(gpus, type.gpu);
  const slots = Math.min(experts, Math.ceil(experts / gpus) + redundant);
  return `${nodes}x${gpus / nodes}x${slots}`;
}
