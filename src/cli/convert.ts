import { Command, Option } from "commander";
import { findModel } from "../config/shapes.ts";
import type { PlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import { slotCount } from "../model/topology.ts";
import { LOAD_FORMATS } from "./load-formats.ts";
import { countOption, jsonOption } from "./options.ts";
import { type Output, output, readInput, writeOutput } from "./output.ts";
import { PLACEMENT_FORMATS, type PlacementFlags } from "./placement-formats.ts";
import { readRankTokens } from "./rank-tokens.ts";

interface ConvertOptions extends PlacementFlags {
  readonly from: string;
  readonly to: string;
  readonly in: string;
  readonly out: string;
  readonly rankTokens?: string;
  readonly json?: true;
}

const RANK_TABLE = "sglang-rank-table";

export function convertCommand(): Command {
  const formats = [...new Set([...Object.keys(PLACEMENT_FORMATS), ...Object.keys(LOAD_FORMATS)])];
  const formatOption = (flags: string, description: string) =>
    new Option(flags, description).choices(formats).makeOptionMandatory();
  return new Command("convert")
    .description(
      "Convert a placement between plimsoll, sglang (--init-expert-location), tensorrt-llm (load balancer YAML) " +
        "and vllm-ascend (expert map), or an expert load between eplb (load_history) and sglang (logical_count). " +
        "Written only, from a placement: sglang-rank-table, the replica of every source rank, layer and expert. " +
        "Read only, as loads: sglang-recorder (a .pt file, or a folder of them) and tensorrt-llm-statistics " +
        "(the folder with meta_info.json). Windows, steps and ranks are summed.",
    )
    .addOption(formatOption("--from <format>", "what the file is"))
    .addOption(formatOption("--to <format>", "what to make of it"))
    .requiredOption("--in <path>", "the file or folder to convert")
    .requiredOption("--out <file>", "where to write the result")
    .addOption(
      countOption("--nodes <n>", "nodes of the pool, for engines' placements (vllm-ascend: default 1)"),
    )
    .addOption(
      countOption("--gpus-per-node <n>", "GPUs of a node, for placements of sglang and tensorrt-llm"),
    )
    .addOption(
      countOption(
        "--dense-layers <n>",
        "the model's leading layers without experts: sglang has a row for each (default: none), tensorrt-llm " +
          "numbers its layers from there (default: those of the placement's model)",
      ),
    )
    .option(
      "--rank-tokens <file>",
      `with --to ${RANK_TABLE}: tokens expected of every source rank (.npy): integers [ranks, layers, experts]; ` +
        "default: all send alike",
    )
    .addOption(jsonOption())
    .exitOverride()
    .action(convert);
}

async function convert(options: ConvertOptions): Promise<void> {
  const { from, to } = options;
  const say = output(options.json ?? false);
  const text = await converted(options, say);
  await writeOutput(options.out, text);
  const summary = { from, to, in: options.in, out: options.out };
  say.result(summary, `${options.out}: ${from} → ${to} of ${options.in}`);
}

async function converted(options: ConvertOptions, say: Output): Promise<string> {
  const { from, to, in: path, denseLayers } = options;
  if (options.rankTokens !== undefined && to !== RANK_TABLE) {
    throw new InputError(
      "--rank-tokens",
      "",
      `is for ${RANK_TABLE}; leave it out, or convert --to ${RANK_TABLE}`,
    );
  }
  const read = PLACEMENT_FORMATS[from]?.read;
  if (from !== to && read !== undefined && to in PLACEMENT_FORMATS) {
    return placementText(read(await readInput(path), path, options), options, say);
  }
  const write = LOAD_FORMATS[to]?.write;
  if (from !== to && from in LOAD_FORMATS && write !== undefined) {
    return write(await LOAD_FORMATS[from].read(path, denseLayers ?? 0), denseLayers ?? 0);
  }
  throw new InputError("--from, --to", `${from} → ${to}`, hint(from, to));
}

async function placementText(file: PlacementFile, options: ConvertOptions, say: Output): Promise<string> {
  const { to, denseLayers, rankTokens: tokensPath } = options;
  if (to !== "plimsoll") refuseEmptySlots(file, options);
  const modelDenseLayers = await denseLayersOf(file.modelName);
  const isForSglang = to === "sglang" || to === RANK_TABLE;
  if (isForSglang && denseLayers === undefined && modelDenseLayers !== null && modelDenseLayers > 0) {
    say.progress(
      `${file.modelName} has ${modelDenseLayers} dense layers, for which SGLang expects a row each: ` +
        `add them with --dense-layers ${modelDenseLayers}`,
    );
  }
  const rankTokens =
    tokensPath === undefined
      ? undefined
      : readRankTokens(await readInput(tokensPath), tokensPath, file.placement);
  return PLACEMENT_FORMATS[to].write(file, { flags: options, modelDenseLayers, rankTokens });
}

/** Null for a model that is not among the shipped ones. */
async function denseLayersOf(modelName: string | null): Promise<number | null> {
  const model = modelName === null ? null : await findModel(modelName);
  return model?.moeLayers[0] ?? null;
}

/** No engine's file can leave a slot empty. */
function refuseEmptySlots({ placement }: PlacementFile, { in: path, to }: ConvertOptions): void {
  const { layers, topology, physicalToLogical } = placement;
  const slots = slotCount(topology);
  for (let i = 0; i < layers * slots; i++) {
    if (physicalToLogical[i] >= 0) continue;
    const where = `layer ${Math.floor(i / slots)} slot ${i % slots}`;
    throw new InputError(path, where, `is empty, which ${to} cannot say; place on GPUs that use all slots`);
  }
}

function hint(from: string, to: string): string {
  if (from === to) return "converts nothing; name two formats";
  if (from === RANK_TABLE) return `is not possible: ${RANK_TABLE} is written only; convert from a placement`;
  if (to in LOAD_FORMATS && LOAD_FORMATS[to].write === undefined && !(to in PLACEMENT_FORMATS)) {
    return `is not possible: ${to} is read only; convert to eplb or sglang`;
  }
  const placements = Object.keys(PLACEMENT_FORMATS).join(", ");
  const loads = Object.keys(LOAD_FORMATS).join(", ");
  return `is not possible: convert a placement (${placements}) or a load (${loads}), not one to the other`;
}
