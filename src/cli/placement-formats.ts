import { rankTable } from "../core/tables/rank-table.ts";
import { evenShares } from "../core/shares/even-shares.ts";
import type { EngineLimits } from "../formats/engine-placement.ts";
import { writeDispatchTable } from "../formats/dispatch-table.ts";
import type { Matrix } from "../formats/json.ts";
import { type PlacementFile, readPlacementFile, writePlacementFile } from "../formats/placement-file.ts";
import { readSglangMap, writeSglangMap } from "../formats/sglang-placement.ts";
import { writeSglangRankTable } from "../formats/sglang-rank-table.ts";
import { readTensorrtLlmMap, writeTensorrtLlmMap } from "../formats/tensorrt-llm-placement.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../formats/vllm-ascend-placement.ts";
import { InputError } from "../lib/errors.ts";
import type { LayerNumbers } from "../model/layer-numbers.ts";
import { indexReplicas, placementFault } from "../model/placement.ts";
import type { WrittenLayers } from "./model-rows.ts";
import { DISPATCH_TABLE, type EntryFlags, rankEntries } from "./rank-entries.ts";
import { replicaMap } from "./replica-map.ts";

/** What only the command line says of a placement. */
export interface PlacementFlags extends EntryFlags {
  readonly nodes?: number;
  readonly gpusPerNode?: number;
  readonly sharedExperts?: number;
}

/** What a placement is written with. */
interface PlacementTarget {
  readonly written: WrittenLayers;
  readonly flags: PlacementFlags;
  /** `[ranks][layers][experts]`: tokens expected of every rank; undefined where all send alike. */
  readonly rankTokens: Float64Array | undefined;
}

interface PlacementFormat {
  /** Left out for what is written only. */
  readonly read?: (bytes: Uint8Array, source: string, flags: PlacementFlags) => PlacementFile;
  /** Whether a file says which GPUs there are, and of which nodes. */
  readonly namesGpus: boolean;
  /** Whether a file has a row for every layer of its model. */
  readonly everyLayer: boolean;
  /** What its engine can load; left out where any placement can be written. */
  readonly limits?: EngineLimits;
  readonly write: (file: PlacementFile, target: PlacementTarget) => string;
}

export const PLACEMENT_FORMATS: Readonly<Record<string, PlacementFormat>> = {
  plimsoll: {
    namesGpus: true,
    everyLayer: false,
    read: readPlacementFile,
    write: (file, { written: { layers } }) => writePlacementFile({ ...file, layers }),
  },
  sglang: {
    namesGpus: false,
    everyLayer: true,
    limits: { engine: "SGLang", twice: true },
    read: (bytes, source, flags) =>
      bareFile({ map: readSglangMap(bytes, source), layers: null, gpus: null }, MAP, source, flags),
    write: ({ placement }, { written: { numbers, all } }) => writeSglangMap(placement, numbers, all),
  },
  "sglang-rank-table": {
    namesGpus: true,
    everyLayer: true,
    write: (file, { written: { numbers, all }, rankTokens }) =>
      writeSglangRankTable(rankTable(replicaMap(file), rankTokens), numbers, all),
  },
  [DISPATCH_TABLE]: {
    namesGpus: true,
    everyLayer: false,
    write: (file, { written: { layers }, flags, rankTokens }) =>
      writeDispatchTable(rankEntries(file, flags, rankTokens), layers),
  },
  "tensorrt-llm": {
    namesGpus: false,
    everyLayer: false,
    limits: { engine: "TensorRT-LLM", twice: true },
    read: (bytes, source, flags) =>
      bareFile(
        { ...readTensorrtLlmMap(bytes, source), gpus: null },
        "initial_global_assignments",
        source,
        flags,
      ),
    write: ({ placement }, { written: { numbers } }) => writeTensorrtLlmMap(placement, numbers),
  },
  "vllm-ascend": {
    namesGpus: false,
    everyLayer: false,
    limits: { engine: "vllm-ascend", twice: false },
    read: (bytes, source, flags) =>
      bareFile(
        { ...readVllmAscendMap(bytes, source, flags.sharedExperts), layers: null },
        "layer_list",
        source,
        flags,
      ),
    write: ({ placement }, { flags }) => writeVllmAscendMap(placement, flags.sharedExperts),
  },
};

const MAP = "physical_to_logical_map";

/** What an engine's file says. */
interface EngineMap {
  readonly map: Matrix;
  /** Null where it does not say which layers its rows are of. */
  readonly layers: LayerNumbers | null;
  /** Null where it names no GPUs. */
  readonly gpus: number | null;
}

/**
 * The engines' files say nothing of shares, load and model, and little of GPUs: the flags give the nodes and
 * GPUs, the shares are even, the rest is unknown.
 * @param field where the file has the map
 */
function bareFile(
  { map, layers, gpus }: EngineMap,
  field: string,
  source: string,
  flags: PlacementFlags,
): PlacementFile {
  const topology = topologyOf(map.columns, field, gpus, source, flags);
  const experts = map.values.reduce((most, expert) => Math.max(most, expert), 0) + 1;
  if (experts > map.columns) {
    const hint = `names expert ${experts - 1}; expected ids below its ${map.columns} slots`;
    throw new InputError(source, field, hint);
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
    layers,
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
    const hint = `is ${gpus}; expected the number of GPUs that --nodes and --gpus-per-node give`;
    throw new InputError(source, "device_count", hint);
  }
  if (slots % given !== 0) {
    const hint = `has ${slots} slots per layer; expected a multiple of the ${given} GPUs that the flags give`;
    throw new InputError(source, field, hint);
  }
  return { nodes, gpusPerNode, slotsPerGpu: slots / given };
}
