import { readConstantsFile } from "../config/calibration/constants-file.ts";
import { chooseGpu } from "../config/gpus/chosen-gpu.ts";
import { loadGpu } from "../config/gpus/load-gpu.ts";
import { loadModel } from "../config/shapes.ts";
import { whyNotServed } from "../core/cost/serving-room.ts";
import { readExpanded } from "../files/file-chunks.ts";
import { MOST_TRACE_BYTES, readTrace } from "../formats/trace.ts";
import { InputError } from "../lib/errors.ts";
import { USUAL_SKEW } from "../model/expert-skew.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { precisionOf, servedIn } from "../model/serving-precision.ts";
import { candidates, poolSizes } from "../planner/candidates.ts";
import { type Demand, drawnDemand, tracedDemand, usersDemand } from "../planner/demand.ts";
import type { PlanGpu } from "../planner/layout.ts";
import type { ModelErrors } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import { modelBytes, physicalBound } from "../planner/physical-bounds.ts";
import { mostGpus } from "../planner/units-needed.ts";
import { tableOf } from "../twin/calibration/fitted-constants.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { modelSizes } from "../twin/calibration/model-sizes.ts";
import { decimals, milliseconds } from "../lib/number-text.ts";
import { readApiPrice } from "./api-cost.ts";
import { type Asked, type PlanFlags, askedOf, pricesOf, targetOf } from "./plan-flags.ts";

export interface PlanInputs {
  readonly problem: PlanProblem;
  readonly errors: ModelErrors;
}

/** What experts tokens take, where a file says so; null where they are drawn. */
export type ExpertsReader = (flags: PlanFlags, model: MoeModel) => Promise<RoutingTrace | null>;

/**
 * @param readExperts of files that only the command reads
 * @throws InputError
 */
export async function readPlanProblem(
  flags: PlanFlags,
  readExperts: ExpertsReader = async () => null,
): Promise<PlanInputs> {
  for (const name of ["model", "gpu"] as const)
    if (flags[name] === undefined) throw new InputError(`--${name}`, "", "is missing; expected a name");
  const asked = askedOf(flags);
  const target = targetOf(flags);
  const written = await loadModel(flags.model, { sourceOf: () => "--model", field: [] });
  const precision = flags.precision ?? precisionOf(written.precision);
  const model = flags.precision === undefined ? written : servedIn(written, precision);
  const { constants, unseen } = await readConstantsFile();
  const types = await readTypes(flags, model, tableOf(constants));
  const traffic = flags.traffic ?? 1;
  const problem: PlanProblem = {
    model,
    sizes: modelSizes(model, precision),
    precision,
    checkpoint: { name: publishedName(written.source), precision: precisionOf(written.precision) },
    types,
    engine: flags.engine ?? null,
    demand: await demandOf(asked, traffic),
    target,
    maxGpus: flags.maxGpus,
    budget: flags.budget ?? null,
    apiPrice: readApiPrice(flags.apiPrice),
    spare: Number(flags.spare),
    redundant: flags.redundant ?? null,
    skew: skewOf(flags),
    routed: await readExperts(flags, model),
    seed: flags.seed,
  };
  checkBudget(problem);
  checkFits(problem);
  checkTarget(problem);
  // Without an engine it is as if that of every point had been left out; of a known one, configurations are.
  const { ttftMs, tpotMs } = unseen.folds[flags.engine === undefined ? "backend" : "configuration"];
  const part = (of: "median" | "p90") => ({ ttft: ttftMs?.[of] ?? 0, itl: tpotMs?.[of] ?? 0 });
  return { problem, errors: { median: part("median"), p90: part("p90") } };
}

function skewOf(flags: PlanFlags): number {
  const [first, second] = (["load", "routing", "skew"] as const).filter((name) => flags[name] !== undefined);
  if (second === undefined) return flags.skew ?? USUAL_SKEW;
  throw new InputError(
    `--${second}`,
    "",
    `is beside --${first}, which says what experts tokens take; leave one out`,
  );
}

/** `owner/name`, which a source begins with that is on Hugging Face. */
function publishedName(source: string): string | null {
  const name = /^[\w.-]+\/[\w.-]+(?=,|$)/.exec(source)?.[0];
  return name === undefined || /\.(?:json|ya?ml)$/.test(name) ? null : name;
}

export async function readTypes(
  flags: Pick<PlanFlags, "gpu" | "price" | "engine">,
  model: MoeModel,
  table: PlanGpu["table"],
): Promise<PlanGpu[]> {
  const names = [...new Set(flags.gpu.split(",").map((name) => name.trim()))];
  const place = { sourceOf: () => "--gpu", field: [] };
  const gpus = await Promise.all(names.map((name) => loadGpu(name, place)));
  const prices = pricesOf(flags, names);
  return Promise.all(
    gpus.map(async (gpu) => {
      const choice = await chooseGpu(gpu.name, place, flags.engine);
      const hardware = modelledHardware(model, choice);
      return { gpu, table, hardware, overlaps: choice === null, price: prices.get(gpu.name) ?? null };
    }),
  );
}

async function demandOf(asked: Asked, traffic: number): Promise<Demand> {
  if (asked.kind === "users") {
    return usersDemand(Math.ceil(traffic * asked.users), 1000 * asked.think, asked.isl, asked.osl, {
      found: asked.cached,
    });
  }
  if (asked.kind === "rate")
    return drawnDemand(traffic * asked.rate, asked.isl, asked.osl, { found: asked.cached });
  const bytes = await readExpanded(asked.path, MOST_TRACE_BYTES, "give a part of it");
  const demand = tracedDemand(readTrace(bytes, asked.path));
  return { ...demand, rate: traffic * demand.rate };
}

function checkBudget({ budget, types }: PlanProblem): void {
  const free = types.filter(({ price }) => price === null).map(({ gpu }) => gpu.name);
  if (budget === null || free.length === 0) return;
  throw new InputError(
    "--budget",
    "",
    `takes a price for every type of GPU; --price lacks ${free.join(", ")}`,
  );
}

function checkFits(problem: PlanProblem): void {
  if (candidates(problem).length > 0) return;
  const { model, types, maxGpus, budget, spare, demand } = problem;
  const affordable = Math.max(...types.map((type) => mostGpus(type, problem)));
  const [limit, given] =
    affordable < maxGpus ? ["--budget", `$${budget} an hour`] : ["--max-gpus", `${maxGpus}`];
  const most = Math.floor(affordable / (1 + spare));
  if (most < 1 && limit === "--budget") {
    const units = spare === 0 ? "one GPU" : `${1 + spare} GPUs, ${spare} of them to spare`;
    throw new InputError(limit, "", `is too little for ${model.name}: ${given} is less than ${units} take`);
  }
  const [type] = types;
  const { gpu, hardware } = type;
  const gpus = poolSizes(type, Math.max(1, most)).at(-1) ?? 1;
  const units = { nodes: 1, gpusPerNode: gpus, slotsPerGpu: Math.ceil(model.experts / gpus) };
  const why = whyNotServed(model, units, hardware);
  const weights = `${decimals(modelBytes(problem.sizes) / 1e9, 0)} GB of weights`;
  const there = `${gpus} ${gpu.name.toUpperCase()} of ${decimals(gpu.memoryBytes / 1e9, 0)} GB`;
  const spares = spare === 0 ? "" : ` (${spare + 1} units, ${spare} of them to spare, in ${limit} ${given})`;
  const lack =
    why === null
      ? `with a request of ${decimals(demand.longest, 0)} tokens do not fit in a unit of ${there}`
      : `fit in no unit of ${there}`;
  const little = limit === "--budget" ? "little" : "few";
  throw new InputError(limit, "", `is too ${little} for ${model.name}: its ${weights} ${lack}${spares}`);
}

function checkTarget(problem: PlanProblem): void {
  const { target, types, spare } = problem;
  const most = Math.max(
    ...types.map((type) => poolSizes(type, Math.max(1, mostGpus(type, problem) / (1 + spare))).at(-1) ?? 1),
  );
  const { gpu, itlMs, ttftMs, bytes, flops, tokens } = physicalBound(problem, most);
  const on = `${most} ${gpu.toUpperCase()}`;
  if (target.itlMs < itlMs) {
    const how = `${decimals(bytes / 1e9, 1)} GB of weights that a token takes, read once from the memory of ${on} at its maker's peak`;
    throw new InputError(
      "--itl-p95",
      "",
      `is ${target.itlMs} ms; nothing is faster than ${milliseconds(itlMs)} ms: ${how}`,
    );
  }
  if (target.ttftMs < ttftMs) {
    const how = `${decimals(flops / 1e12, 0)} TFLOP of a prompt of ${tokens} tokens on ${on} at its maker's peak`;
    throw new InputError(
      "--ttft-p95",
      "",
      `is ${target.ttftMs} ms; nothing is faster than ${milliseconds(ttftMs)} ms: ${how}`,
    );
  }
}
