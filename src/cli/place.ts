import { Command, InvalidArgumentError, Option } from "commander";
import { loadModel } from "../config/shapes.ts";
import { HOP_WEIGHT } from "../core/placement/coactivation.ts";
import { checkCapacity, checkLoaded, checkTopology } from "../core/planning/check-problem.ts";
import { MOVED_PART } from "../core/placement/adapt-placement.ts";
import { solvePlacement } from "../core/planning/solve-placement.ts";
import { writePlacementFile } from "../formats/placement-file.ts";
import { CONSUMER_DISPATCHES } from "../model/consumer-dispatch.ts";
import { DEFAULT_MODEL, readLoadToPlace } from "./load-file.ts";
import { TOPOLOGY_FORMS, countOption, jsonOption, positiveOption } from "./options.ts";
import { output, writeOutput } from "./output.ts";
import { checkParted, numbersOption, readPrevious } from "./place-inputs.ts";
import { type PlaceOptions, refuseUnevenEplb, refuseWithoutEffect } from "./place-options.ts";
import { sentence, summaryOf } from "./place-summary.ts";
import { topologyOf } from "./place-topology.ts";
import { readRouting } from "./routing-file.ts";

/** Tokens of the pool-wide decode batch that activations are expected for. */
const DEFAULT_BATCH_TOKENS = 64;

export function placeCommand(): Command {
  return new Command("place")
    .description("Place and replicate the experts of a load, and share their tokens over the replicas.")
    .requiredOption(
      "--load <file>",
      "expert load (JSON, .pt, .npy, .safetensors, or an engine's folder: docs/formats.md); windows and steps are summed",
    )
    .option("--topology <name>", TOPOLOGY_FORMS)
    .addOption(countOption("--nodes <n>", "nodes of the pool, with the next two in place of --topology"))
    .addOption(countOption("--gpus-per-node <n>", "GPUs of a node"))
    .addOption(countOption("--slots-per-gpu <n>", "physical experts of a GPU, per layer"))
    .addOption(numbersOption("--gpu-slots <list>", "usable slots of each GPU, where they differ", true))
    .addOption(numbersOption("--gpu-speeds <list>", "speed of each GPU, where they differ", false))
    .addOption(numbersOption("--out-of-service <list>", "GPUs that are to hold nothing", true))
    .addOption(
      countOption(
        "--groups <n>",
        "expert groups of the gate: each is kept on few nodes, as far as balance allows",
      ).default(1),
    )
    .addOption(
      new Option("--algorithm <name>", "plimsoll, or DeepSeek's EPLB for comparison")
        .choices(["plimsoll", "eplb"])
        .default("plimsoll"),
    )
    .addOption(
      new Option(
        "--dispatch <how>",
        "how the engine splits an expert's tokens over its replicas, by which the placement is made and judged: even (vLLM, " +
          "SGLang's dynamic, TensorRT-LLM), static (SGLang's), shares or rank-table (tables made from the shares), priced (dispatch)",
      )
        .choices(CONSUMER_DISPATCHES)
        .default("shares"),
    )
    .option(
      "--model <name>",
      `what moved experts weigh (default: ${DEFAULT_MODEL}, where the load has its shape)`,
    )
    .option(
      "--previous <file>",
      "the placement in force: adapt it by few moves; of a pool of another size, ranks keep their numbers",
    )
    .addOption(
      new Option(
        "--max-moves <n>",
        `with --previous: slots that may change, over all layers; what must change for every expert to be there does in any ` +
          `case (default: ${MOVED_PART * 100} % beside that and what is empty, and more where EPLB placed anew would be more level)`,
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
      countOption(
        "--batch-tokens <n>",
        `with --objective activation: tokens of a pool-wide batch (default: ${DEFAULT_BATCH_TOKENS})`,
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
          `more on more (default: ${HOP_WEIGHT})`,
      ),
    )
    .requiredOption("--out <file>", "where to write the placement")
    .addOption(jsonOption())
    .exitOverride()
    .action(place);
}

async function place(options: PlaceOptions): Promise<void> {
  const say = output(options.json ?? false);
  const { load, layers, model } = await readLoadToPlace(options.load, options.model ?? null, say);
  checkLoaded(load, options.load);
  const { groups, algorithm } = options;
  const { topology, names } = await topologyOf(options, load);
  const { nodes } = topology;
  refuseWithoutEffect(options, nodes);
  checkTopology(topology, groups, load, names);
  const capacity = checkCapacity(options, topology, load, names);
  if (algorithm === "eplb") refuseUnevenEplb(capacity.slots, topology);
  const previous = options.previous === undefined ? null : await readPrevious(options.previous, load, layers);
  const rows = { count: load.layers, layers, model, source: options.load };
  const trace =
    options.routing === undefined
      ? null
      : (await readRouting(options.routing, load.experts, rows, say)).trace;
  if (options.routing !== undefined && nodes === 1) checkParted(trace?.tokens ?? 0, options.routing);

  const start = performance.now();
  const solution = solvePlacement({
    load,
    topology,
    capacity,
    groups,
    algorithm,
    dispatch: options.dispatch,
    activation:
      options.objective === "tokens"
        ? null
        : {
            batchTokens: options.batchTokens ?? DEFAULT_BATCH_TOKENS,
            topk: trace?.topk ?? (model ?? (await loadModel(DEFAULT_MODEL))).topk,
          },
    routing: trace === null ? null : { trace, hopWeight: options.hopWeight ?? HOP_WEIGHT },
    previous,
    maxMoves: options.maxMoves ?? null,
    model,
  });
  const elapsedMs = performance.now() - start;

  const file = { modelName: model?.name ?? null, layers, ...solution, elapsedMs };
  await writeOutput(options.out, writePlacementFile(file));
  const summary = summaryOf(solution, topology, layers, elapsedMs);
  say.result({ out: options.out, ...summary }, sentence(options, summary));
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give an integer ≥ 0.");
}
