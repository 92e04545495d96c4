import { Command, Option } from "commander";
import { findModel, loadModel } from "../config/shapes.ts";
import type { PlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import {
  type LayerNumbers,
  consecutive,
  layersOfRows,
  sameLayers,
  sayLayers,
} from "../model/layer-numbers.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { slotCount } from "../model/topology.ts";
import { LOAD_FORMATS } from "./load-formats.ts";
import { type WrittenLayers, chooseLoadRows, choosePlacementRows, sayRows } from "./model-rows.ts";
import { countOption, jsonOption } from "./options.ts";
import { type Output, output, readInput, writeOutput } from "./output.ts";
import { PLACEMENT_FORMATS, type PlacementFlags } from "./placement-formats.ts";
import { readRankTokens } from "./rank-tokens.ts";

interface ConvertOptions extends PlacementFlags {
  readonly from: string;
  readonly to: string;
  readonly in: string;
  readonly out: string;
  readonly model?: string;
  readonly denseLayers?: number;
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
  const { text, layers, said } = await converted(options, say);
  await writeOutput(options.out, text);
  const summary = { from, to, in: options.in, out: options.out, layers };
  say.result(summary, `${options.out}: ${from} → ${to} of ${options.in}, ${said}`);
}

/** What is written, and of which layers. */
interface Converted {
  readonly text: string;
  readonly layers: LayerNumbers | null;
  /** The layers, for people. */
  readonly said: string;
}

async function converted(options: ConvertOptions, say: Output): Promise<Converted> {
  const { from, to, in: path } = options;
  checkFlags(options);
  const model = options.model === undefined ? null : await loadModel(options.model);
  const placementFrom = PLACEMENT_FORMATS[from];
  if (from !== to && placementFrom?.read !== undefined && to in PLACEMENT_FORMATS) {
    const file = placementFrom.read(await readInput(path), path, options);
    return convertedPlacement(file, placementFrom.everyLayer, model, options, say);
  }
  const loadFrom = LOAD_FORMATS[from];
  const loadTo = LOAD_FORMATS[to];
  if (from !== to && loadFrom !== undefined && loadTo?.write !== undefined) {
    const file = await loadFrom.read(path, say);
    const hints = { model, denseLayers: options.denseLayers ?? null, everyLayer: loadFrom.everyLayer };
    const { load, layers } = chooseLoadRows(file, hints, path);
    const written = writtenLayers(load.layers, layers, loadTo.everyLayer, model, options, say);
    return {
      text: loadTo.write(load, written),
      layers,
      said: sayRows(layers, load.layers, file.load.layers),
    };
  }
  throw new InputError("--from, --to", `${from} → ${to}`, hint(from, to));
}

function checkFlags({ to, model, denseLayers, rankTokens }: ConvertOptions): void {
  if (rankTokens !== undefined && to !== RANK_TABLE) {
    const hint = `is for ${RANK_TABLE}; leave it out, or convert --to ${RANK_TABLE}`;
    throw new InputError("--rank-tokens", "", hint);
  }
  if (model !== undefined && denseLayers !== undefined) {
    throw new InputError("--dense-layers", "", "is said by --model; leave one out");
  }
}

async function convertedPlacement(
  whole: PlacementFile,
  everyLayer: boolean,
  given: MoeModel | null,
  options: ConvertOptions,
  say: Output,
): Promise<Converted> {
  const { in: path, to, denseLayers = null, rankTokens: tokensPath } = options;
  const model = given ?? (await ownModel(whole));
  const file = choosePlacementRows(whole, { model, denseLayers, everyLayer }, path);
  if (to !== "plimsoll" && file.layers === null && file.modelName !== null) {
    const hint = `names ${file.modelName}, no known model of its shape; give its file with --model, or --dense-layers`;
    throw new InputError(path, "model.name", hint);
  }
  const { placement, layers } = file;
  if (to !== "plimsoll") refuseEmptySlots(file, options);
  const rankTokens =
    tokensPath === undefined
      ? undefined
      : readRankTokens(await readInput(tokensPath), tokensPath, placement, {
          count: placement.layers,
          layers,
          model,
          source: path,
        });
  const format = PLACEMENT_FORMATS[to];
  const written = writtenLayers(placement.layers, layers, format.everyLayer, model, options, say);
  return {
    text: format.write(file, { written, rankTokens }),
    layers,
    said: sayRows(layers, placement.layers, whole.placement.layers),
  };
}

/** The shipped model that a placement names; null for another, or one of another shape. */
async function ownModel({ modelName, placement }: PlacementFile): Promise<MoeModel | null> {
  const model = modelName === null ? null : await findModel(modelName);
  if (model === null || model.experts !== placement.experts) return null;
  return layersOfRows(placement.layers, model) === null ? null : model;
}

/** Says what the file will have where nothing says which layers its rows are, or how many there are. */
function writtenLayers(
  rows: number,
  layers: LayerNumbers | null,
  everyLayer: boolean,
  model: MoeModel | null,
  { to }: ConvertOptions,
  say: Output,
): WrittenLayers {
  const numbers = layers ?? consecutive(0, rows);
  const all = model?.layers ?? (numbers.at(-1) ?? 0) + 1;
  if (layers === null && (everyLayer || to === "tensorrt-llm")) {
    say.progress(
      `nothing says which layers the rows are: written as layers ${sayLayers(numbers)}; see --model`,
    );
  } else if (everyLayer && !sameLayers(numbers, consecutive(0, all))) {
    say.progress(`${all} rows: layers ${sayLayers(numbers)}, and rows for the others, which have no experts`);
  }
  return { layers, numbers, all };
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
