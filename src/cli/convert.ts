import { Command, Option } from "commander";
import { sumWindows } from "../core/load/sum-windows.ts";
import { evenShares } from "../core/shares/even-shares.ts";
import {
  readLoadHistory,
  readLogicalCount,
  writeLoadHistory,
  writeLogicalCount,
} from "../formats/expert-load.ts";
import { readPlacementFile, writePlacementFile } from "../formats/placement-file.ts";
import { readSglangMap, writeSglangMap } from "../formats/sglang-placement.ts";
import { InputError } from "../lib/errors.ts";
import { indexReplicas, placementFault } from "../model/placement.ts";
import { countOption, jsonOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";

const FORMATS = ["plimsoll", "sglang", "eplb", "trtllm", "vllm-ascend"] as const;
type Format = (typeof FORMATS)[number];

interface ConvertOptions {
  readonly from: Format;
  readonly to: Format;
  readonly in: string;
  readonly out: string;
  readonly nodes?: number;
  readonly gpusPerNode?: number;
  readonly json?: true;
}

type Conversion = (bytes: Uint8Array, source: string, options: ConvertOptions) => string;

/** By `from → to`; the pair also says whether it is a placement or a load. */
const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  "plimsoll → sglang": (bytes, source) => writeSglangMap(readPlacementFile(bytes, source).placement),
  "sglang → plimsoll": placementFromSglang,
  "eplb → sglang": (bytes, source) => writeLogicalCount(sumWindows(readLoadHistory(bytes, source))),
  "sglang → eplb": (bytes, source) => writeLoadHistory([readLogicalCount(bytes, source)]),
};

export function convertCommand(): Command {
  const formatOption = (flags: string, description: string) =>
    new Option(flags, description).choices(FORMATS).makeOptionMandatory();
  return new Command("convert")
    .description(
      "Convert a placement (plimsoll, sglang) or an expert load (eplb, sglang; the windows of a history are summed). " +
        "TensorRT-LLM and vllm-ascend come with a later version.",
    )
    .addOption(formatOption("--from <format>", "what the file is"))
    .addOption(formatOption("--to <format>", "what to make of it"))
    .requiredOption("--in <file>", "the file to convert")
    .requiredOption("--out <file>", "where to write the result")
    .addOption(countOption("--nodes <n>", "nodes of the pool; sglang → plimsoll needs them"))
    .addOption(countOption("--gpus-per-node <n>", "GPUs of a node; sglang → plimsoll needs them"))
    .addOption(jsonOption())
    .exitOverride()
    .action(convert);
}

async function convert(options: ConvertOptions): Promise<void> {
  const { from, to } = options;
  const conversion = CONVERSIONS[`${from} → ${to}`];
  if (conversion === undefined) {
    const known = Object.keys(CONVERSIONS).join(", ");
    throw new InputError(
      "--from, --to",
      `${from} → ${to}`,
      `is not among what this version converts: ${known}`,
    );
  }
  const text = conversion(await readInput(options.in), options.in, options);
  await writeOutput(options.out, text);
  const summary = { from, to, in: options.in, out: options.out };
  output(options.json ?? false).result(summary, `${options.out}: ${from} → ${to} of ${options.in}`);
}

/** SGLang's file says nothing of GPUs, shares or load: the flags give the first, the others are even and unknown. */
function placementFromSglang(bytes: Uint8Array, source: string, options: ConvertOptions): string {
  const { nodes, gpusPerNode } = options;
  if (nodes === undefined || gpusPerNode === undefined) {
    throw new InputError(
      "--nodes, --gpus-per-node",
      "",
      "are missing; SGLang's file names no GPUs, so give both",
    );
  }
  const map = readSglangMap(bytes, source);
  const gpus = nodes * gpusPerNode;
  if (map.columns % gpus !== 0) {
    const mend = `has ${map.columns} slots per layer; expected a multiple of the ${gpus} GPUs that the flags give`;
    throw new InputError(source, "physical_to_logical_map", mend);
  }
  const experts = map.values.reduce((most, expert) => Math.max(most, expert), 0) + 1;
  if (experts > map.columns) {
    const mend = `names expert ${experts - 1}; expected ids below its ${map.columns} slots`;
    throw new InputError(source, "physical_to_logical_map", mend);
  }
  const placement = {
    layers: map.rows,
    experts,
    topology: { nodes, gpusPerNode, slotsPerGpu: map.columns / gpus },
    physicalToLogical: Int32Array.from(map.values),
  };
  const fault = placementFault(placement);
  if (fault !== null) throw new InputError(source, "physical_to_logical_map", `${fault}; mend the map`);
  return writePlacementFile({
    modelName: null,
    placement,
    shares: evenShares(placement, indexReplicas(placement)).values,
    moves: { slots: 0, bytes: 0 },
    certificate: null,
    elapsedMs: 0,
  });
}
