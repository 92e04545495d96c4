import type { Certificate } from "../../model/certificate.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { type MoeModel, expertBytes } from "../../model/moe-model.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";
import { partLoads } from "../load/part-loads.ts";
import { sampleTokens } from "../load/sample-tokens.ts";
import { countMovedSlots, keepSlots } from "../migration/moves.ts";
import { activationLoad } from "../placement/activation.ts";
import { adaptPlacement } from "../placement/adapt-placement.ts";
import { certify } from "../placement/certificate.ts";
import { eplb } from "../placement/eplb.ts";
import { placeExperts } from "../placement/place-experts.ts";
import { gpuLoads } from "../shares/gpu-loads.ts";
import { solveShares } from "../shares/solve-shares.ts";
import { wholeShares } from "../shares/whole-shares.ts";

/** What a placement is wanted for. Sound, and with slots for every expert (checkTopology, checkCapacity). */
export interface PlacementProblem {
  readonly load: ExpertLoad;
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  /** Expert groups of the gate. */
  readonly groups: number;
  /** EPLB needs the full capacity. */
  readonly algorithm: "plimsoll" | "eplb";
  /** Level the experts that decode batches of so many tokens activate; null levels tokens. */
  readonly activation: { readonly batchTokens: number; readonly topk: number } | null;
  /** Routed tokens to place by, and what a hop is worth as in Coactivation; null where none are known. */
  readonly routing: { readonly trace: RoutingTrace; readonly hopWeight: number } | null;
  /** In force, to be adapted by few moves; null for a placement from scratch. */
  readonly previous: Placement | null;
  /** Slots that may change, over all layers; null for MOVED_PART of them. */
  readonly maxMoves: number | null;
  /** Says what moved experts weigh; null when only the shape of the load is known. */
  readonly model: MoeModel | null;
}

export interface PlacementSolution {
  readonly placement: Placement;
  /** `[layers][slots]` */
  readonly shares: Float64Array;
  readonly certificate: Certificate;
  /** From the placement in force; bytes are null when the model is unknown. */
  readonly moves: { readonly slots: number; readonly bytes: number | null };
}

/** Places and replicates the experts of a load, shares their tokens, and says how good any placement could be. */
export function solvePlacement(problem: PlacementProblem): PlacementSolution {
  const { load, capacity, activation, previous, model } = problem;
  const aimOf = (tokens: ExpertLoad) =>
    activation === null ? tokens : activationLoad(tokens, activation.batchTokens, activation.topk);
  const aim = aimOf(load);
  const placement = placed(problem, aim, aimOf);
  const replicas = indexReplicas(placement);
  const { values: shares } =
    activation === null
      ? solveShares(placement, replicas, load, capacity.speeds)
      : wholeShares(placement, replicas, aim, capacity.speeds);
  const certificate = certify(load, capacity, gpuLoads(placement, shares, load));
  const slots = previous === null ? 0 : countMovedSlots(previous, placement).slots;
  const bytes = model === null ? null : slots * expertBytes(model);
  return { placement, shares, certificate, moves: { slots, bytes } };
}

function placed(
  { topology, capacity, groups, algorithm, routing, previous, maxMoves }: PlacementProblem,
  aim: ExpertLoad,
  aimOf: (load: ExpertLoad) => ExpertLoad,
): Placement {
  if (algorithm === "eplb") {
    const packed = eplb(aim, topology, groups);
    return previous === null ? packed : keepSlots(previous, packed);
  }
  if (previous === null) {
    const scenarios = routing === null ? [] : partLoads(routing.trace, aim.layers, aim.experts).map(aimOf);
    const coactivation =
      routing === null ? null : { sample: sampleTokens(routing.trace), groups, hopWeight: routing.hopWeight };
    return placeExperts({ load: aim, topology, capacity, scenarios, coactivation });
  }
  return adaptPlacement(previous, aim, capacity, maxMoves ?? undefined);
}
