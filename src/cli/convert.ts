import { Command, Option } from "commander";
import { loadModel } from "../config/shapes.ts";
import { InputError } from "../lib/errors.ts";
import type { NumberedLoad } from "../model/load.ts";
import type { MoeModel } from "../model/moe-model.ts";
import {
  type ConvertOptions,
  type Converted,
  RANK_TABLE,
  convertedPlacement,
  writtenLayers,
} from "./convert-placement.ts";
import { type LoadToPlace, MODEL_FLAG, modelRows } from "./load-file.ts";
import { LOAD_FORMATS } from "./load-formats.ts";
import { chooseLoadRows, sayRows } from "./model-rows.ts";
import { countOption, jsonOption } from "./options.ts";
import { type Output, output, readInput, writeOutput } from "./output.ts";
import { PLACEMENT_FORMATS } from "./placement-formats.ts";
import { DISPATCH_TABLE, checkEntryFlags, entriesOption, rankOption } from "./rank-entries.ts";

const ASCEND = "vllm-ascend";
/** Tables that engines look up. */
const WRITTEN_ONLY: ReadonlySet<string> = new Set([RANK_TABLE, DISPATCH_TABLE]);

export function convertCommand(): Command {
  const formats = [...new Set([...Object.keys(PLACEMENT_FORMATS), ...Object.keys(LOAD_FORMATS)])];
  const formatOption = (flags: string, description: string) =>
    new Option(flags, description).choices(formats).makeOptionMandatory();
  return new Command("convert")
    .description(
      "Convert a placement between plimsoll, sglang (--init-expert-location), tensorrt-llm (load balancer YAML) " +
        "and vllm-ascend (expert map), or an expert load between eplb (load_history) and sglang (logical_count). " +
        "Written only, from a placement: sglang-rank-table, the replica of every source rank, layer and expert; " +
        "dispatch-table, one rank's entries of every expert, which list each slot as often as its share says. " +
        "Read only, as loads: sglang-recorder (a .pt file, or a folder of them), tensorrt-llm-statistics " +
        "(the folder with meta_info.json), npy and safetensors. Windows, steps and ranks are summed; layers keep " +
        "their numbers.",
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
    .option(
      "--model <name>",
      "the model, where the file does not say which layers its rows are of (a file of config/models, or a path)",
    )
    .addOption(
      countOption(
        "--dense-layers <n>",
        "in place of --model: its leading layers without experts, for which sglang has rows",
      ),
    )
    .addOption(
      countOption(
        "--shared-experts <n>",
        "with vllm-ascend: the model's shared experts, of which its mix placement has one on every device",
      ),
    )
    .option(
      "--rank-tokens <file>",
      `with --to ${RANK_TABLE} or ${DISPATCH_TABLE}: tokens expected of every source rank (.npy): integers [ranks, layers, experts]; ` +
        "default: all send alike",
    )
    .addOption(rankOption())
    .addOption(entriesOption())
    .addOption(jsonOption())
    .exitOverride()
    .action(convert);
}

async function convert(options: ConvertOptions): Promise<void> {
  const { from, to } = options;
  const say = output(options.json ?? false);
  const { text, layers, said } = await converted(options, say);
  await writeOutput(options.out, text);
  const summary = { from, to, in: options.in, out: options.out, layers };
  say.result(summary, `${options.out}: ${from} → ${to} of ${options.in}, ${said}`);
}

async function converted(options: ConvertOptions, say: Output): Promise<Converted> {
  const { from, to, in: path } = options;
  checkFlags(options);
  const model = options.model === undefined ? null : await loadModel(options.model, MODEL_FLAG);
  const placementFrom = PLACEMENT_FORMATS[from];
  if (from !== to && placementFrom?.read !== undefined && to in PLACEMENT_FORMATS) {
    if (placementFrom.namesGpus) refuseGpus(options);
    const file = placementFrom.read(await readInput(path), path, options);
    return convertedPlacement(file, placementFrom.everyLayer, model, options, say);
  }
  const loadFrom = LOAD_FORMATS[from];
  const loadTo = LOAD_FORMATS[to];
  if (from !== to && loadFrom !== undefined && loadTo?.write !== undefined) {
    refuseGpus(options);
    const file = await loadFrom.read(path, say);
    const { load, layers, model: known } = await chosenRows(file, loadFrom.everyLayer, model, options, say);
    const written = writtenLayers(load.layers, layers, loadTo.everyLayer, known, options, say);
    return {
      text: loadTo.write(load, written),
      layers,
      said: sayRows(layers, load.layers, file.load.layers),
    };
  }
  throw new InputError("--from, --to", `${from} → ${to}`, impossible(from, to));
}

async function chosenRows(
  file: NumberedLoad,
  everyLayer: boolean,
  model: MoeModel | null,
  options: ConvertOptions,
  say: Output,
): Promise<LoadToPlace> {
  const { in: path, denseLayers = null } = options;
  const ofModel = denseLayers === null ? await modelRows(file, everyLayer, model, path, say) : null;
  return ofModel ?? { ...chooseLoadRows(file, { model, denseLayers, everyLayer }, path), model: null };
}

function refuseGpus({ from, nodes, gpusPerNode }: ConvertOptions): void {
  if (nodes === undefined && gpusPerNode === undefined) return;
  const hint = `say what engines' placements lack; leave them out for this file of ${from}`;
  throw new InputError("--nodes, --gpus-per-node", "", hint);
}

function checkFlags(options: ConvertOptions): void {
  const { from, to, model, denseLayers, rankTokens } = options;
  if (options.sharedExperts !== undefined && from !== ASCEND && to !== ASCEND) {
    throw new InputError("--shared-experts", "", `is for ${ASCEND}; leave it out`);
  }
  if (rankTokens !== undefined && !WRITTEN_ONLY.has(to)) {
    const hint = `is for ${RANK_TABLE} and ${DISPATCH_TABLE}; leave it out, or convert --to one of them`;
    throw new InputError("--rank-tokens", "", hint);
  }
  checkEntryFlags(to, options);
  if (model !== undefined && denseLayers !== undefined) {
    throw new InputError("--dense-layers", "", "is said by --model; leave one out");
  }
}

function impossible(from: string, to: string): string {
  if (from === to) return "converts nothing; name two formats";
  if (WRITTEN_ONLY.has(from)) return `is not possible: ${from} is written only; convert from a placement`;
  if (to in LOAD_FORMATS && LOAD_FORMATS[to].write === undefined && !(to in PLACEMENT_FORMATS)) {
    return `is not possible: ${to} is read only; convert to eplb or sglang`;
  }
  const placements = Object.keys(PLACEMENT_FORMATS).join(", ");
  const loads = Object.keys(LOAD_FORMATS).join(", ");
  return `is not possible: convert a placement (${placements}) or a load (${loads}), not one to the other`;
}
