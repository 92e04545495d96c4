import type { ExpertLoad } from "../../model/load.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { solveShares } from "./solve-shares.ts";

/** `[layers]`: the least maximum of GPU load / speed that shares can reach on the placement. */
export function layerOptima(placement: Placement, load: ExpertLoad, { speeds }: PoolCapacity): Float64Array {
  return solveShares(placement, indexReplicas(placement), load, speeds).optimum;
}
