import { Command, InvalidArgumentError, Option } from "commander";
import { loadModel } from "../config/shapes.ts";
import { sumWindows } from "../core/load/sum-windows.ts";
import { HOP_WEIGHT } from "../core/placement/coactivation.ts";
import { checkCapacity, checkLoaded, checkTopology } from "../core/planning/check-problem.ts";
import { MOVED_PART } from "../core/placement/adapt-placement.ts";
import { solvePlacement } from "../core/planning/solve-placement.ts";
import { readExpertLoads } from "../formats/expert-load.ts";
import { readRoutingTrace } from "../formats/routing-trace.ts";
import { writePlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import { type Topology, sayGpus } from "../model/topology.ts";
import { TOPOLOGY_FORMS, countOption, jsonOption, positiveOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";
import { checkEplb, numbersOption, readPrevious, wrongModel } from "./place-inputs.ts";
import { type WrittenTopology, topologyOf } from "./place-topology.ts";

const DEFAULT_MODEL = "deepseek-v3";
/** Tokens of the pool-wide decode batch that activations are expected for. */
const DEFAULT_BATCH_TOKENS = 64;

interface PlaceOptions extends WrittenTopology {
  readonly load: string;
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
    .option("--topology <name>", TOPOLOGY_FORMS)
    .addOption(countOption("--nodes <n>", "nodes of the pool, with the next two in place of --topology"))
    .addOption(countOption("--gpus-per-node <n>", "GPUs of a node"))
    .addOption(countOption("--slots-per-gpu <n>", "physical experts of a GPU, per layer"))
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
        `with --previous: slots that may change, over all layers (default: ${MOVED_PART * 100} % of them)`,
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
  const { groups, algorithm } = options;
  const { topology, names } = await topologyOf(options, load);
  checkTopology(topology, groups, load, names);
  const capacity = checkCapacity(options, topology, load, names);
  if (algorithm === "eplb") checkEplb(capacity, topology, options.maxMoves);
  const model = await loadModel(options.model ?? DEFAULT_MODEL, { sourceOf: () => "--model", field: [] });
  const modelFits = model.moeLayers.length === load.layers && model.experts === load.experts;
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
  const { placement, shares, certificate, moves } = solvePlacement({
    load,
    topology,
    capacity,
    groups,
    algorithm,
    activation:
      options.objective === "tokens"
        ? null
        : { batchTokens: options.batchTokens, topk: trace?.topk ?? model.topk },
    routing: trace === null ? null : { trace, hopWeight: options.hopWeight },
    previous,
    maxMoves: options.maxMoves ?? null,
    model: modelFits ? model : null,
  });
  const elapsedMs = performance.now() - start;

  const modelName = modelFits ? model.name : null;
  const file = { modelName, placement, shares, moves, certificate, elapsedMs };
  await writeOutput(options.out, writePlacementFile(file));

  const { balancedness, bound, gap } = certificate;
  const summary = { topology, balancedness, bound, gap, moves, elapsedMs };
  output(options.json ?? false).result({ out: options.out, ...summary }, sentence(options.out, summary));
}

interface Summary {
  readonly topology: Topology;
  readonly balancedness: number;
  readonly bound: number;
  readonly moves: { readonly slots: number };
  readonly elapsedMs: number;
}

function sentence(out: string, { topology, balancedness, bound, moves, elapsedMs }: Summary): string {
  const pool = `${sayGpus(topology)} × ${topology.slotsPerGpu} slots`;
  const quality = `balancedness ${balancedness.toFixed(4)} of at most ${bound.toFixed(4)}`;
  return `${out}: ${pool}, ${quality}, ${moves.slots} slots moved, planned in ${elapsedMs.toFixed(1)} ms`;
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give an integer ≥ 0.");
}
