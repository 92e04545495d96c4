import { join } from "node:path";
import { sumWindows } from "../core/load/sum-windows.ts";
import { readNpyLoad, readSafetensorsLoad } from "../formats/array-load.ts";
import {
  type ExpertLoads,
  readLoadHistory,
  readLogicalCount,
  writeLoadHistory,
  writeLogicalCount,
} from "../formats/expert-load.ts";
import { readRecorderDump } from "../formats/sglang-recorder.ts";
import { type NamedDump, joinDumps } from "../formats/sglang-recording.ts";
import { readTensorrtLlmStatistics } from "../formats/tensorrt-llm-statistics.ts";
import { InputError } from "../lib/errors.ts";
import type { ExpertLoad, NumberedLoad } from "../model/load.ts";
import { folderNames } from "./folder.ts";
import type { WrittenLayers } from "./model-rows.ts";
import { type Output, readInput } from "./output.ts";

/** A format of expert loads; one without `write` is read only. */
interface LoadFormat {
  readonly read: (path: string, say: Output) => Promise<NumberedLoad>;
  /** Whether a file has a row for every layer of its model, where it does not say. */
  readonly everyLayer: boolean;
  readonly write?: (load: ExpertLoad, written: WrittenLayers) => string;
}

export const LOAD_FORMATS: Readonly<Record<string, LoadFormat>> = {
  eplb: {
    everyLayer: false,
    read: async (path) => summed(readLoadHistory(await readInput(path), path)),
    write: (load, { layers }) => writeLoadHistory([load], layers),
  },
  sglang: {
    everyLayer: true,
    read: async (path) => summed(readLogicalCount(await readInput(path), path)),
    write: (load, { numbers, all }) => writeLogicalCount(load, numbers, all),
  },
  "sglang-recorder": {
    everyLayer: true,
    read: async (path, say) => ({ load: await readRecorded(path, say), layers: null }),
  },
  npy: {
    everyLayer: false,
    read: async (path) => ({ load: readNpyLoad(await readInput(path), path), layers: null }),
  },
  safetensors: {
    everyLayer: false,
    read: async (path) => ({ load: readSafetensorsLoad(await readInput(path), path), layers: null }),
  },
  "tensorrt-llm-statistics": { everyLayer: false, read: readStatistics },
};

function summed({ windows, layers }: ExpertLoads): NumberedLoad {
  return { load: sumWindows(windows), layers };
}

/** One dump, or those of a folder. */
async function readRecorded(path: string, say: Output): Promise<ExpertLoad> {
  const names = await folderNames(path);
  const files = names?.filter((name) => name.endsWith(".pt")).map((name) => join(path, name)) ?? [path];
  if (files.length === 0) throw new InputError(path, "", "holds no .pt file; name the recorder's folder");
  const dumps: NamedDump[] = [];
  for (const source of files) dumps.push({ source, dump: readRecorderDump(await readInput(source), source) });
  sayAlone(dumps, say);
  return joinDumps(dumps, path);
}

/** Says where a file has what one rank counted. */
export function sayAlone([{ source, dump }, ...others]: readonly NamedDump[], say: Output): void {
  if (others.length > 0 || dump.ranks === null) return;
  const ranks = dump.ranks.join(", ");
  say.progress(
    `${source}: counts of rank ${ranks} alone; convert the recorder's folder for those of all ranks`,
  );
}

export const META_INFO = "meta_info.json";

/** A folder with `meta_info.json` and `rank{r}.safetensors` for every rank. */
async function readStatistics(path: string): Promise<NumberedLoad> {
  const names = (await folderNames(path)) ?? [];
  const ranks = names.filter((name) => /^rank\d+\.safetensors$/.test(name)).length;
  if (ranks === 0) {
    throw new InputError(path, "", "holds no rank0.safetensors; name the folder of EXPERT_STATISTIC_PATH");
  }
  const read = async (name: string) => {
    const source = join(path, name);
    return { source, bytes: await readInput(source) };
  };
  const metaInfo = await read(META_INFO);
  // A rank left out shows as a missing file.
  const files = await Promise.all(
    Array.from({ length: ranks }, (_, rank) => read(`rank${rank}.safetensors`)),
  );
  return readTensorrtLlmStatistics(metaInfo, files);
}
