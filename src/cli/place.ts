import { Command, Option } from "commander";
import { loadModel } from "../config/shapes.ts";
import { sumWindows } from "../core/load/sum-windows.ts";
import { countMoves, keepSlots } from "../core/migration/moves.ts";
import { certify } from "../core/placement/certificate.ts";
import { eplb } from "../core/placement/eplb.ts";
import { gpuLoads } from "../core/shares/gpu-loads.ts";
import { solveShares } from "../core/shares/solve-shares.ts";
import { readExpertLoads } from "../formats/expert-load.ts";
import { readPlacementFile, writePlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import { type MoeModel, moeLayers } from "../model/moe-model.ts";
import { indexReplicas, type Placement } from "../model/placement.ts";
import { fullCapacity } from "../model/pool-capacity.ts";
import { slotCount, type Topology } from "../model/topology.ts";
import { countOption, jsonOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";

/** More slots than any pool has; beyond it a typing error would exhaust the memory. */
const MOST_SLOTS = 65_536;
const DEFAULT_MODEL = "deepseek-v3";

interface PlaceOptions {
  readonly load: string;
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
  readonly groups: number;
  readonly model?: string;
  readonly previous?: string;
  readonly maxMoves?: string;
  readonly objective: "tokens" | "activation";
  readonly routing?: string;
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
    .addOption(
      countOption(
        "--groups <n>",
        "expert groups of the gate; kept whole where the nodes divide them",
      ).default(1),
    )
    .option(
      "--model <name>",
      `what moved experts weigh (default: ${DEFAULT_MODEL}, where the load has its shape)`,
    )
    .option("--previous <file>", "the placement in force: experts that stay on a GPU keep their slot")
    .option("--max-moves <n>", "comes with a later version")
    .addOption(
      new Option("--objective <what>", "what to balance; activation comes with a later version")
        .choices(["tokens", "activation"])
        .default("tokens"),
    )
    .option("--routing <file>", "comes with a later version")
    .requiredOption("--out <file>", "where to write the placement")
    .addOption(jsonOption())
    .exitOverride()
    .action(place);
}

async function place(options: PlaceOptions): Promise<void> {
  refuseWhatComesLater(options);
  const load = sumWindows(readExpertLoads(await readInput(options.load), options.load));
  const topology = checkTopology(options, load);
  const model = await loadModel(options.model ?? DEFAULT_MODEL);
  const modelFits = moeLayers(model) === load.layers && model.experts === load.experts;
  if (options.model !== undefined && !modelFits) throw wrongModel(model, load);
  const previous =
    options.previous === undefined ? null : await readPrevious(options.previous, load, topology);

  const start = performance.now();
  const packed = eplb(load, topology, options.groups);
  const placement = previous === null ? packed : keepSlots(previous, packed);
  const shares = solveShares(placement, indexReplicas(placement), load).values;
  const certificate = certify(load, fullCapacity(topology), gpuLoads(placement, shares, load));
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

function refuseWhatComesLater(options: PlaceOptions): void {
  const later = (flag: string) => new InputError(flag, "", "comes with a later version; leave it out");
  if (options.maxMoves !== undefined) throw later("--max-moves");
  if (options.objective === "activation") throw later("--objective activation");
  if (options.routing !== undefined) throw later("--routing");
}

function checkTopology(options: PlaceOptions, load: ExpertLoad): Topology {
  const { nodes, gpusPerNode, slotsPerGpu, groups } = options;
  const topology = { nodes, gpusPerNode, slotsPerGpu };
  const slots = slotCount(topology);
  if (slots < load.experts) {
    const least = Math.ceil(load.experts / (nodes * gpusPerNode));
    const mend = `is ${slotsPerGpu}: ${slots} slots cannot hold ${load.experts} experts; give at least ${least}`;
    throw new InputError("--slots-per-gpu", "", mend);
  }
  if (slots > MOST_SLOTS) {
    throw new InputError(
      "--slots-per-gpu",
      "",
      `makes ${slots} slots per layer; expected at most ${MOST_SLOTS}`,
    );
  }
  if (load.experts % groups !== 0) {
    throw new InputError(
      "--groups",
      "",
      `is ${groups}; expected a divisor of the load's ${load.experts} experts`,
    );
  }
  return topology;
}

function wrongModel(model: MoeModel, load: ExpertLoad): InputError {
  const has = `has ${moeLayers(model)} layers of ${model.experts} experts`;
  return new InputError(
    "--model",
    model.name,
    `${has}; expected the load's ${load.layers} of ${load.experts}`,
  );
}

async function readPrevious(path: string, load: ExpertLoad, topology: Topology): Promise<Placement> {
  const { placement } = readPlacementFile(await readInput(path), path);
  const { nodes, gpusPerNode, slotsPerGpu } = placement.topology;
  if (
    nodes !== topology.nodes ||
    gpusPerNode !== topology.gpusPerNode ||
    slotsPerGpu !== topology.slotsPerGpu
  ) {
    const has = `is ${nodes} nodes × ${gpusPerNode} GPUs × ${slotsPerGpu} slots`;
    throw new InputError(path, "topology", `${has}; expected the one that the flags give`);
  }
  if (placement.layers !== load.layers || placement.experts !== load.experts) {
    const has = `has ${placement.layers} layers of ${placement.experts} experts`;
    throw new InputError(path, "model", `${has}; expected the load's ${load.layers} of ${load.experts}`);
  }
  return placement;
}
