import { rankTable } from "../core/dispatch/rank-table.ts";
import { evenShares } from "../core/shares/even-shares.ts";
import type { Matrix } from "../formats/json.ts";
import { type PlacementFile, readPlacementFile, writePlacementFile } from "../formats/placement-file.ts";
import { readSglangMap, writeSglangMap } from "../formats/sglang-placement.ts";
import { writeSglangRankTable } from "../formats/sglang-rank-table.ts";
import { readTensorrtLlmMap, writeTensorrtLlmMap } from "../formats/tensorrt-llm-placement.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../formats/vllm-ascend-placement.ts";
import { InputError } from "../lib/errors.ts";
import { indexReplicas, placementFault } from "../model/placement.ts";
import { replicaMap } from "./replica-map.ts";

/** What only the command line says of a placement. */
export interface PlacementFlags {
  readonly nodes?: number;
  readonly gpusPerNode?: number;
  readonly denseLayers?: number;
}

/** What a placement is written with. */
interface PlacementTarget {
  readonly flags: PlacementFlags;
  /** Those of the placement's model; null where it is unknown. */
  readonly modelDenseLayers: number | null;
  /** `[ranks][layers][experts]`: tokens expected of every rank; undefined where all send alike. */
  readonly rankTokens: Float64Array | undefined;
}

interface PlacementFormat {
  /** Left out for what is written only. */
  readonly read?: (bytes: Uint8Array, source: string, flags: PlacementFlags) => PlacementFile;
  readonly write: (file: PlacementFile, target: PlacementTarget) => string;
}

export const PLACEMENT_FORMATS: Readonly<Record<string, PlacementFormat>> = {
  plimsoll: { read: readPlacementFile, write: writePlacementFile },
  sglang: {
    read: (bytes, source, flags) => {
      const map = withoutDenseLayers(readSglangMap(bytes, source), flags.denseLayers ?? 0, source);
      return bareFile(map, "physical_to_logical_map", null, source, flags);
    },
    write: ({ placement }, { flags: { denseLayers = 0 } }) => writeSglangMap(placement, denseLayers),
  },
  "sglang-rank-table": {
    write: (file, { flags: { denseLayers = 0 }, rankTokens }) =>
      writeSglangRankTable(rankTable(replicaMap(file), rankTokens), denseLayers),
  },
  "tensorrt-llm": {
    read: (bytes, source, flags) =>
      bareFile(readTensorrtLlmMap(bytes, source), "initial_global_assignments", null, source, flags),
    write: (file, { flags: { denseLayers }, modelDenseLayers }) =>
      writeTensorrtLlmMap(file.placement, denseLayers ?? modelDenseLayers ?? unnumbered(file)),
  },
  "vllm-ascend": {
    read: (bytes, source, flags) => {
      const { map, gpus } = readVllmAscendMap(bytes, source);
      return bareFile(map, "layer_list", gpus, source, flags);
    },
    write: ({ placement }) => writeVllmAscendMap(placement),
  },
};

/**
 * The engines' files say nothing of shares, load and model, and little of GPUs: the flags give the nodes and
 * GPUs, the shares are even, the rest is unknown.
 * @param field where the file has the map
 * @param gpus  as the file has it; null where it does not say
 */
function bareFile(
  map: Matrix,
  field: string,
  gpus: number | null,
  source: string,
  flags: PlacementFlags,
): PlacementFile {
  const topology = topologyOf(map.columns, field, gpus, source, flags);
  const experts = map.values.reduce((most, expert) => Math.max(most, expert), 0) + 1;
  if (experts > map.columns) {
    const mend = `names expert ${experts - 1}; expected ids below its ${map.columns} slots`;
    throw new InputError(source, field, mend);
  }
  const placement = {
    layers: map.rows,
    experts,
    topology,
    physicalToLogical: Int32Array.from(map.values),
  };
  const fault = placementFault(placement);
  if (fault !== null) throw new InputError(source, field, `${fault}; correct the map`);
  return {
    modelName: null,
    placement,
    shares: evenShares(placement, indexReplicas(placement)).values,
    moves: { slots: 0, bytes: 0 },
    certificate: null,
    elapsedMs: 0,
  };
}

function topologyOf(
  slots: number,
  field: string,
  gpus: number | null,
  source: string,
  flags: PlacementFlags,
) {
  const nodes = flags.nodes ?? (gpus === null ? undefined : 1);
  const gpusPerNode = flags.gpusPerNode ?? (gpus === null || nodes === undefined ? undefined : gpus / nodes);
  if (nodes === undefined || gpusPerNode === undefined) {
    throw new InputError(
      "--nodes, --gpus-per-node",
      "",
      `are missing; ${source} names no GPUs, so give both`,
    );
  }
  const given = nodes * gpusPerNode;
  if (!Number.isInteger(gpusPerNode) || (gpus !== null && given !== gpus)) {
    const mend = `is ${gpus}; expected the number of GPUs that --nodes and --gpus-per-node give`;
    throw new InputError(source, "device_count", mend);
  }
  if (slots % given !== 0) {
    const mend = `has ${slots} slots per layer; expected a multiple of the ${given} GPUs that the flags give`;
    throw new InputError(source, field, mend);
  }
  return { nodes, gpusPerNode, slotsPerGpu: slots / given };
}

function withoutDenseLayers(map: Matrix, denseLayers: number, source: string): Matrix {
  const rows = map.rows - denseLayers;
  if (rows < 1) {
    throw new InputError("--dense-layers", "", `is ${denseLayers}; ${source} has ${map.rows} layers in all`);
  }
  return { rows, columns: map.columns, values: map.values.subarray(denseLayers * map.columns) };
}

/** Where the model cannot say which layers are dense: 0 for a placement of no model, else the flag must. */
function unnumbered({ modelName }: PlacementFile): number {
  if (modelName === null) return 0;
  throw new InputError(
    "--dense-layers",
    "",
    `is missing; ${modelName} is not among the known models, so give it`,
  );
}
