import { entryCounts } from "../../../src/core/tables/entry-counts.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { gpuLoads } from "../../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { type Placement, indexReplicas } from "../../../src/model/placement.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../../src/model/topology.ts";

/** What an engine's dispatch makes of a placement, when all ranks send alike. */
export interface Realised {
  /** `[layers][gpus]` */
  readonly loads: Float64Array;
  /** Selections that leave their source's node, of all. */
  readonly nodeHops: number;
}

/** An expert's tokens are split evenly over its slots, wherever they come from. */
export function byEven(placement: Placement, load: ExpertLoad): Realised {
  const { values } = evenShares(placement, indexReplicas(placement));
  return { loads: gpuLoads(placement, values, load), nodeHops: 1 - 1 / placement.topology.nodes };
}

/** By exact shares, wherever tokens come from: what an LP of every batch comes to over a window (SGLang's `lp`). */
export function byExactShares(placement: Placement, load: ExpertLoad): Realised {
  const { values } = solveShares(placement, indexReplicas(placement), load);
  return { loads: gpuLoads(placement, values, load), nodeHops: 1 - 1 / placement.topology.nodes };
}

/** By tables of so many entries for each rank, made from the shares that suit the load. */
export function byEntries(placement: Placement, load: ExpertLoad, entries: number): Realised {
  const { layers, experts, topology, physicalToLogical } = placement;
  const replicas = indexReplicas(placement);
  const shares = solveShares(placement, replicas, load);
  const counts = entryCounts({ placement, replicas, shares }, entries, { load: load.tokens });
  const ranks = gpuCount(topology);
  const width = slotCount(topology);
  const parts = new Float64Array(layers * width);
  let far = 0;
  for (let rank = 0; rank < ranks; rank++) {
    const node = nodeOfGpu(topology, rank);
    for (let i = 0; i < layers * width; i++) {
      const part = counts[rank * layers * width + i] / (entries * ranks);
      if (part === 0) continue;
      parts[i] += part;
      const expert = Math.floor(i / width) * experts + physicalToLogical[i];
      if (nodeOfGpu(topology, gpuOfSlot(topology, i % width)) !== node) far += part * load.tokens[expert];
    }
  }
  const total = load.tokens.reduce((sum, n) => sum + n, 0);
  return { loads: gpuLoads(placement, parts, load), nodeHops: far / total };
}
