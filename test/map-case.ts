import { placeExperts } from "../src/core/placement/place-experts.ts";
import { solveShares } from "../src/core/shares/solve-shares.ts";
import { indexReplicas } from "../src/model/placement.ts";
import { placementCase } from "./placement-case.ts";

/** Placements of any shape, GPUs without slots among them, with shares solved for their load; `inService` has slots. */
export const mapCase = placementCase.map((request) => {
  const { load, capacity, seed } = request;
  const placement = placeExperts(request);
  const replicas = indexReplicas(placement);
  const shares = solveShares(placement, replicas, load, capacity.speeds);
  const inService = [...capacity.slots.entries()].filter(([, slots]) => slots > 0).map(([gpu]) => gpu);
  return { map: { placement, replicas, shares }, inService, seed };
});
