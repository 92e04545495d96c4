import { type Topology, gpuCount, nodeOfGpu } from "./topology.ts";

/** Pools of more GPUs are shown by node: so much fits on a page, and through a store every few seconds. */
const MOST_GPUS = 64;
/** Of one node there is nothing else to show. */
const MOST_OF_ONE_NODE = 128;

/** Of pools that are shown by node, GPUs are told apart too, for those who ask for some of them, up to so many. */
const MOST_PAIRED_GPUS = 512;

/** What a pool's all-to-all is told apart by. */
export interface ExchangeUnits {
  readonly by: "gpu" | "node";
  readonly units: number;
  /** `[gpus]` */
  readonly unitOf: Int32Array;
}

export function exchangeUnits(topology: Topology): ExchangeUnits {
  const gpus = gpuCount(topology);
  const by = gpus <= (topology.nodes === 1 ? MOST_OF_ONE_NODE : MOST_GPUS) ? "gpu" : "node";
  const unitOf = Int32Array.from({ length: gpus }, (_, gpu) =>
    by === "gpu" ? gpu : nodeOfGpu(topology, gpu),
  );
  return { by, units: by === "gpu" ? gpus : topology.nodes, unitOf };
}

/** Whether a pool that is shown by node is known GPU by GPU too. */
export function isPairedByGpu(topology: Topology): boolean {
  return exchangeUnits(topology).by === "node" && gpuCount(topology) <= MOST_PAIRED_GPUS;
}

/** `[gpus][gpus]`, source × destination, of a pool that is shown by node; as the matrices beside it. */
export interface GpuPairs {
  readonly selections: Float32Array;
  /** Empty where it is not known. */
  readonly tokens: Float32Array;
}

/** Who sent to whom in a span of time, over all layers; `units` as `exchangeUnits` has them. */
export interface ExchangeCounts {
  /** `[units][units]`, source × destination: selections, which are (token, layer, expert) triples. */
  readonly selections: Float64Array;
  /** The same: (token, layer) pairs that any selection takes there; the source's own are on the diagonal. */
  readonly tokens: Float64Array;
  /** Selections of experts on the token's own GPU. */
  ownGpu: number;
  /** Null unless `isPairedByGpu`. */
  readonly gpus: GpuPairs | null;
}

/**
 * What a matrix rests on. `counted`: dispatched tokens, all or a sample. `worked out`: what source ranks have routed, by
 * the placement and its consumer's dispatch. `unknown`: nobody says where tokens come from.
 */
export const EXCHANGE_BASES = ["counted", "worked out", "unknown"] as const;
type ExchangeBasis = (typeof EXCHANGE_BASES)[number];

/** A pool's all-to-all over its last seconds. */
export interface PoolExchange extends Pick<ExchangeUnits, "by" | "units"> {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly spanMs: number;
  readonly basis: ExchangeBasis;
  /** For a person: what it rests on, or why it is not known. */
  readonly how: string;
  /** `[units][units]`, source × destination: selections per second; empty where it is not known. */
  readonly selections: Float32Array;
  /** The same: (token, layer) pairs per second, as in ExchangeCounts; empty where counts do not say which experts a token has. */
  readonly tokens: Float32Array;
  /** Of the selections per second, those of experts on the token's own GPU, and on its node. */
  readonly ownGpu: number;
  readonly ownNode: number;
  /** Per token and layer, over the same span; null where it is not known. */
  readonly hopsPerToken: number | null;
  readonly nodeHopsPerToken: number | null;
  /** Source ranks of which nothing is known, ascending. */
  readonly silent: readonly number[];
}

/** Σ of a matrix' cells whose units are on one node. */
export function withinNodes(
  { by, units }: Pick<ExchangeUnits, "by" | "units">,
  gpusPerNode: number,
  matrix: ArrayLike<number>,
): number {
  const size = by === "gpu" ? gpusPerNode : 1;
  let sum = 0;
  for (let from = 0; from < units; from++) {
    const first = Math.floor(from / size) * size;
    for (let to = first; to < first + size; to++) sum += matrix[from * units + to];
  }
  return sum;
}
