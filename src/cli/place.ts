import { Command, InvalidArgumentError, Option } from "commander";
import { loadModel } from "../config/shapes.ts";
import { partLoads } from "../core/load/part-loads.ts";
import { sumWindows } from "../core/load/sum-windows.ts";
import { countMoves, keepSlots } from "../core/migration/moves.ts";
import { activationLoad } from "../core/placement/activation.ts";
import { certify } from "../core/placement/certificate.ts";
import { eplb } from "../core/placement/eplb.ts";
import { improvePlacement, moveBudgets } from "../core/placement/improve-placement.ts";
import { type Coactivation, HOP_WEIGHT } from "../core/placement/coactivation.ts";
import { placeExperts } from "../core/placement/place-experts.ts";
import { rehomeExperts } from "../core/placement/rehome-experts.ts";
import { gpuLoads } from "../core/shares/gpu-loads.ts";
import { solveShares } from "../core/shares/solve-shares.ts";
import { wholeShares } from "../core/shares/whole-shares.ts";
import { readExpertLoads } from "../formats/expert-load.ts";
import { readRoutingTrace } from "../formats/routing-trace.ts";
import { writePlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import { moeLayers } from "../model/moe-model.ts";
import { type Placement, indexReplicas } from "../model/placement.ts";
import type { PoolCapacity } from "../model/pool-capacity.ts";
import { type Topology, slotCount } from "../model/topology.ts";
import { countOption, jsonOption, positiveOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";
import {
  checkCapacity,
  checkEplb,
  checkLoaded,
  checkTopology,
  numbersOption,
  readPrevious,
  sampleOf,
  wrongModel,
} from "./place-inputs.ts";

const DEFAULT_MODEL = "deepseek-v3";
/** Tokens of the pool-wide decode batch that activations are expected for. */
const DEFAULT_BATCH_TOKENS = 64;
/** A re-plan may change this part of the slots, unless --max-moves says otherwise. */
const DEFAULT_MOVED_PART = 0.15;

interface PlaceOptions {
  readonly load: string;
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
  readonly gpuSlots?: readonly number[];
  readonly gpuSpeeds?: readonly number[];
  readonly outOfService?: readonly number[];
  readonly groups: number;
  readonly algorithm: "plimsoll" | "eplb";
  readonly model?: string;
  readonly previous?: string;
  readonly maxMoves?: number;
  readonly objective: "tokens" | "activation";
  readonly batchTokens: number;
  readonly routing?: string;
  readonly hopWeight: number;
  readonly out: string;
  readonly json?: true;
}

export function placeCommand(): Command {
  return new Command("place")
    .description("Place and replicate the experts of a load, and share their tokens over the replicas.")
    .requiredOption("--load <file>", "expert load (JSON); the windows of a history are summed")
    .addOption(countOption("--nodes <n>", "nodes of the pool").makeOptionMandatory())
    .addOption(countOption("--gpus-per-node <n>", "GPUs of a node").makeOptionMandatory())
    .addOption(
      countOption("--slots-per-gpu <n>", "physical experts of a GPU, per layer").makeOptionMandatory(),
    )
    .addOption(numbersOption("--gpu-slots <list>", "usable slots of each GPU, where they differ", 0, true))
    .addOption(numbersOption("--gpu-speeds <list>", "speed of each GPU, where they differ", 0, false))
    .addOption(numbersOption("--out-of-service <list>", "GPUs that are to hold nothing", 0, true))
    .addOption(countOption("--groups <n>", "expert groups of the gate").default(1))
    .addOption(
      new Option("--algorithm <name>", "plimsoll, or DeepSeek's EPLB for comparison")
        .choices(["plimsoll", "eplb"])
        .default("plimsoll"),
    )
    .option(
      "--model <name>",
      `what moved experts weigh (default: ${DEFAULT_MODEL}, where the load has its shape)`,
    )
    .option("--previous <file>", "the placement in force: adapt it by few moves")
    .addOption(
      new Option(
        "--max-moves <n>",
        `with --previous: slots that may change, over all layers (default: ${DEFAULT_MOVED_PART * 100} % of them)`,
      ).argParser(wholeNumber),
    )
    .addOption(
      new Option(
        "--objective <what>",
        "tokens: level them; activation: level the experts that decode batches activate",
      )
        .choices(["tokens", "activation"])
        .default("tokens"),
    )
    .addOption(
      countOption("--batch-tokens <n>", "with --objective activation: tokens of a pool-wide batch").default(
        DEFAULT_BATCH_TOKENS,
      ),
    )
    .option(
      "--routing <file>",
      "routing trace (.npy): place together what is used together, for few node hops, and level what varies",
    )
    .addOption(
      positiveOption(
        "--hop-weight <w>",
        "with --routing: what a node hop saved for every token is worth, in mean GPU loads levelled; on 4 nodes, and " +
          "more on more",
      ).default(HOP_WEIGHT),
    )
    .requiredOption("--out <file>", "where to write the placement")
    .addOption(jsonOption())
    .exitOverride()
    .action(place);
}

async function place(options: PlaceOptions): Promise<void> {
  const load = sumWindows(readExpertLoads(await readInput(options.load), options.load));
  checkLoaded(load, options.load);
  const topology = checkTopology(options, load);
  const capacity = checkCapacity(options, topology, load.experts);
  if (options.algorithm === "eplb") checkEplb(capacity, topology, options.maxMoves);
  const model = await loadModel(options.model ?? DEFAULT_MODEL);
  const modelFits = moeLayers(model) === load.layers && model.experts === load.experts;
  if (options.model !== undefined && !modelFits) throw wrongModel(model, load);
  if (options.maxMoves !== undefined && options.previous === undefined) {
    throw new InputError("--max-moves", "", "counts from a placement in force; give it with --previous");
  }
  if (options.routing !== undefined && options.previous !== undefined) {
    throw new InputError("--routing", "", "has no say in adapting a placement; leave it or --previous out");
  }
  const previous =
    options.previous === undefined ? null : await readPrevious(options.previous, load, topology);
  const trace =
    options.routing === undefined
      ? null
      : readRoutingTrace(await readInput(options.routing), options.routing, load.experts);

  const start = performance.now();
  const aimOf = (tokens: ExpertLoad) =>
    options.objective === "tokens"
      ? tokens
      : activationLoad(tokens, options.batchTokens, trace?.topk ?? model.topk);
  const aim = aimOf(load);
  const scenarios = trace === null ? [] : partLoads(trace, load.layers, load.experts).map(aimOf);
  const coactivation =
    trace === null ? null : { sample: sampleOf(trace), groups: options.groups, hopWeight: options.hopWeight };
  const placement = placed(options, { aim, topology, capacity, scenarios, coactivation, previous });
  const replicas = indexReplicas(placement);
  const shares =
    options.objective === "tokens"
      ? solveShares(placement, replicas, load, capacity.speeds).values
      : wholeShares(placement, replicas, aim, capacity.speeds).values;
  const certificate = certify(load, capacity, gpuLoads(placement, shares, load));
  const elapsedMs = performance.now() - start;

  const moved = previous === null ? { slots: 0, bytes: 0 } : countMoves(model, previous, placement);
  const moves = { slots: moved.slots, bytes: modelFits ? moved.bytes : null };
  const modelName = modelFits ? model.name : null;
  const file = { modelName, placement, shares, moves, certificate, elapsedMs };
  await writeOutput(options.out, writePlacementFile(file));

  const { balancedness, bound, gap } = certificate;
  const summary = { balancedness, bound, gap, moves, elapsedMs };
  output(options.json ?? false).result({ out: options.out, ...summary }, sentence(options.out, summary));
}

interface Problem {
  readonly aim: ExpertLoad;
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  readonly scenarios: readonly ExpertLoad[];
  readonly coactivation: Coactivation | null;
  readonly previous: Placement | null;
}

function placed(
  options: PlaceOptions,
  { aim, topology, capacity, scenarios, coactivation, previous }: Problem,
): Placement {
  if (options.algorithm === "eplb") {
    const packed = eplb(aim, topology, options.groups);
    return previous === null ? packed : keepSlots(previous, packed);
  }
  if (previous === null) return placeExperts({ load: aim, topology, capacity, scenarios, coactivation });
  const most = options.maxMoves ?? Math.floor(aim.layers * slotCount(topology) * DEFAULT_MOVED_PART);
  const whole = rehomeExperts(previous, aim, capacity);
  // Experts that have lost their last copy must move, whatever the limit; what is left of it is for balance.
  const left = Math.max(0, most - changedSlots(previous, whole));
  return improvePlacement(whole, aim, capacity, moveBudgets(whole, aim, capacity, left));
}

/** Slots that hold an expert they did not hold before. */
function changedSlots(before: Placement, after: Placement): number {
  let changed = 0;
  for (let i = 0; i < after.physicalToLogical.length; i++) {
    const expert = after.physicalToLogical[i];
    if (expert >= 0 && expert !== before.physicalToLogical[i]) changed++;
  }
  return changed;
}

interface Summary {
  readonly balancedness: number;
  readonly bound: number;
  readonly moves: { readonly slots: number };
  readonly elapsedMs: number;
}

function sentence(out: string, { balancedness, bound, moves, elapsedMs }: Summary): string {
  const quality = `balancedness ${balancedness.toFixed(4)} of at most ${bound.toFixed(4)}`;
  return `${out}: ${quality}, ${moves.slots} slots moved, planned in ${elapsedMs.toFixed(1)} ms`;
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give an integer ≥ 0.");
}
