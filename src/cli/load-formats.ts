import { join } from "node:path";
import { sumWindows } from "../core/load/sum-windows.ts";
import {
  readLoadHistory,
  readLogicalCount,
  writeLoadHistory,
  writeLogicalCount,
} from "../formats/expert-load.ts";
import { readSglangRecorder } from "../formats/sglang-recorder.ts";
import { readTensorrtLlmStatistics } from "../formats/tensorrt-llm-statistics.ts";
import { InputError } from "../lib/errors.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import { folderNames } from "./folder.ts";
import { readInput } from "./output.ts";

/** A format of expert loads; one without `write` is read only. */
interface LoadFormat {
  /** @param denseLayers leading rows to drop, where the format has them */
  readonly read: (path: string, denseLayers: number) => Promise<ExpertLoad>;
  /** @param denseLayers leading rows to add, where the format has them */
  readonly write?: (load: ExpertLoad, denseLayers: number) => string;
}

export const LOAD_FORMATS: Readonly<Record<string, LoadFormat>> = {
  eplb: {
    read: async (path) => sumWindows(readLoadHistory(await readInput(path), path)),
    write: (load) => writeLoadHistory([load]),
  },
  sglang: {
    read: async (path, denseLayers) =>
      withoutDenseLayers(readLogicalCount(await readInput(path), path), denseLayers, path),
    write: (load, denseLayers) => writeLogicalCount(withDenseLayers(load, denseLayers)),
  },
  "sglang-recorder": {
    read: async (path, denseLayers) => withoutDenseLayers(await readRecorded(path), denseLayers, path),
  },
  "tensorrt-llm-statistics": { read: readStatistics },
};

/** One dump, or the sum of a folder's: in its mode per_pass every rank writes one. */
async function readRecorded(path: string): Promise<ExpertLoad> {
  const names = await folderNames(path);
  if (names === null) return readSglangRecorder(await readInput(path), path);
  const loads: ExpertLoad[] = [];
  for (const name of names.filter((file) => file.endsWith(".pt"))) {
    const file = join(path, name);
    const load = readSglangRecorder(await readInput(file), file);
    const first = loads[0] ?? load;
    if (load.layers !== first.layers || load.experts !== first.experts) {
      const has = `has ${load.layers} layers of ${load.experts} experts`;
      throw new InputError(
        file,
        "",
        `${has}; expected ${first.layers} of ${first.experts} as in the first file`,
      );
    }
    loads.push(load);
  }
  if (loads.length === 0) throw new InputError(path, "", "holds no .pt file; name the recorder's folder");
  return sumWindows(loads);
}

const META_INFO = "meta_info.json";

/** A folder with `meta_info.json` and `rank{r}.safetensors` for every rank. */
async function readStatistics(path: string): Promise<ExpertLoad> {
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

function withoutDenseLayers(load: ExpertLoad, denseLayers: number, source: string): ExpertLoad {
  const layers = load.layers - denseLayers;
  if (layers < 1) {
    throw new InputError(
      "--dense-layers",
      "",
      `is ${denseLayers}; ${source} has ${load.layers} layers in all`,
    );
  }
  const start = denseLayers * load.experts;
  const counted = load.tokens.findIndex((tokens, i) => i < start && tokens > 0);
  if (counted >= 0) {
    const hint = `is ${denseLayers}; layer ${Math.floor(counted / load.experts)} of ${source} routes to experts`;
    throw new InputError("--dense-layers", "", hint);
  }
  return { layers, experts: load.experts, tokens: load.tokens.subarray(start) };
}

function withDenseLayers(load: ExpertLoad, denseLayers: number): ExpertLoad {
  const all = emptyLoad(denseLayers + load.layers, load.experts);
  all.tokens.set(load.tokens, denseLayers * load.experts);
  return all;
}
