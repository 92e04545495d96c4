import { certify } from "../src/core/placement/certificate.ts";
import { eplb } from "../src/core/placement/eplb.ts";
import { gpuLoads } from "../src/core/shares/gpu-loads.ts";
import { solveShares } from "../src/core/shares/solve-shares.ts";
import { writeLoadHistory } from "../src/formats/expert-load.ts";
import { writeNpyInt32 } from "../src/formats/npy.ts";
import { writePlacementFile } from "../src/formats/placement-file.ts";
import { Rng } from "../src/lib/rng.ts";
import { indexReplicas } from "../src/model/placement.ts";
import { type ScratchFolder, scratchFolder } from "../harness/scratch-folder.ts";
import { fullCapacity } from "../src/model/pool-capacity.ts";

export const LAYERS = 3;
export const EXPERTS = 16;
export const TOKENS = 1000;
export const TOPK = 4;
export const TOPOLOGY = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 5 };
export const POOL_FLAGS = ["--nodes", "2", "--gpus-per-node", "2", "--slots-per-gpu", "5"];

/** The files of a small pool, for commands to work on. */
export interface SmallPool {
  readonly folder: ScratchFolder;
  /** A routing trace of TOKENS × LAYERS × TOPK. */
  readonly routing: string;
  /** Its load, twice: a history of two equal windows. */
  readonly load: string;
  /** EPLB's placement for that load, in 4 groups. */
  readonly placement: string;
}

export async function smallPool(): Promise<SmallPool> {
  const folder = await scratchFolder();
  const ids = routingIds();
  const tokens = new Float64Array(LAYERS * EXPERTS);
  for (const [i, id] of ids.entries()) if (id >= 0) tokens[(Math.floor(i / TOPK) % LAYERS) * EXPERTS + id]++;
  const load = { layers: LAYERS, experts: EXPERTS, tokens };
  const placement = eplb(load, TOPOLOGY, 4);
  const shares = solveShares(placement, indexReplicas(placement), load).values;
  const file = {
    modelName: null,
    placement,
    layers: null,
    shares,
    moves: { slots: 0, bytes: null },
    certificate: certify(load, fullCapacity(TOPOLOGY), gpuLoads(placement, shares, load)),
    elapsedMs: 0,
  };
  return {
    folder,
    routing: await folder.write("routing.npy", writeNpyInt32([TOKENS, LAYERS, TOPK], ids)),
    load: await folder.write("load.json", writeLoadHistory([load, load])),
    placement: await folder.write("placement.json", writePlacementFile(file)),
  };
}

/** Skewed: each token's experts are distinct, and one selection in ten rows is missing. */
function routingIds(): Int32Array {
  const rng = new Rng(7);
  const ids = new Int32Array(TOKENS * LAYERS * TOPK);
  for (let row = 0; row < ids.length; row += TOPK) {
    const chosen = new Set<number>();
    while (chosen.size < TOPK) chosen.add(Math.floor(EXPERTS * rng.uniform() ** 2));
    ids.set([...chosen], row);
    if (rng.below(10) === 0) ids[row + TOPK - 1] = -1;
  }
  return ids;
}
