import type { Certificate } from "../../model/certificate.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { type MoeModel, expertBytes } from "../../model/moe-model.ts";
import type { MoveWay } from "../../model/move-way.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";
import { evenWhereIdle, idleLayers } from "../load/idle-layers.ts";
import { partLoads } from "../load/part-loads.ts";
import { sampleTokens } from "../load/sample-tokens.ts";
import { withLayersOf } from "../migration/chunk-layers.ts";
import { fitPlacement } from "../migration/fit-placement.ts";
import { countMovedSlots, keepSlots } from "../migration/moves.ts";
import { activationLoad } from "../placement/activation.ts";
import { certify } from "../placement/certificate.ts";
import { eplb } from "../placement/eplb.ts";
import { emptySlots, fillEmptySlots } from "../placement/fill-slots.ts";
import { groupsTogether } from "../placement/coactivation.ts";
import { bringBack } from "../placement/rehome-experts.ts";
import { gpuLoads } from "../shares/gpu-loads.ts";
import { wholeShares } from "../shares/whole-shares.ts";
import { consumerOf } from "./consumers/consumers.ts";
import { type Followed, followPlacement } from "./follow-placement.ts";

/** What a placement is wanted for. Sound, and with slots for every expert (checkTopology, checkCapacity). */
export interface PlacementProblem {
  readonly load: ExpertLoad;
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  /** Expert groups of the gate. */
  readonly groups: number;
  /** EPLB needs the full capacity. */
  readonly algorithm: "plimsoll" | "eplb";
  /** How the engine that gets it splits tokens over replicas: what it is judged by. */
  readonly dispatch: ConsumerDispatch;
  /** Level the experts that decode batches of so many tokens activate; null levels tokens. */
  readonly activation: { readonly batchTokens: number; readonly topk: number } | null;
  /** Routed tokens to place by, and what a hop is worth as in Coactivation; null where none are known. */
  readonly routing: { readonly trace: RoutingTrace; readonly hopWeight: number } | null;
  /** In force, to be adapted by few moves; it may be of a pool of another size. Null for a placement from scratch. */
  readonly previous: Placement | null;
  /**
   * Slots that may change, over all layers; null for few, beside what must change or is empty, and for more where few
   * would leave it less level than the engine's own algorithm makes it.
   */
  readonly maxMoves: number | null;
  /** Says what moved experts weigh; null when only the shape of the load is known. */
  readonly model: MoeModel | null;
}

/** A placement with its shares, and how good it is. */
export interface PlacementSolution {
  readonly placement: Placement;
  /** `[layers][slots]` */
  readonly shares: Float64Array;
  readonly certificate: Certificate;
  /** From the placement in force; bytes are null when the model is unknown. */
  readonly moves: { readonly slots: number; readonly bytes: number | null; readonly way: MoveWay };
  /** Of the moves, those without which experts would be missing. */
  readonly necessary: number;
  /** Rows of the load without a token: they keep what they have, or begin with every expert alike. */
  readonly idle: readonly number[];
}

/** Places and replicates the experts of a load, shares their tokens, and says how good any placement could be. */
export function solvePlacement(problem: PlacementProblem): PlacementSolution {
  const { load, capacity, activation, previous, model, dispatch } = problem;
  const { speeds } = capacity;
  const aimOf = (tokens: ExpertLoad) =>
    activation === null ? tokens : activationLoad(tokens, activation.batchTokens, activation.topk);
  const aim = aimOf(load);
  const { placement, necessary, way } =
    previous === null
      ? { placement: placedAnew(problem, aim, aimOf), necessary: 0, way: "afresh" as const }
      : followed(problem, previous, aim);
  const replicas = indexReplicas(placement);
  const { values: shares } =
    activation === null
      ? consumerOf(dispatch).split({ placement, replicas, load, speeds, last: null })
      : wholeShares(placement, replicas, aim, speeds);
  const certificate = certify(load, capacity, gpuLoads(placement, shares, load), dispatch);
  const slots = previous === null ? 0 : countMovedSlots(previous, placement).slots;
  const bytes = model === null ? null : slots * expertBytes(model);
  return { placement, shares, certificate, moves: { slots, bytes, way }, necessary, idle: idleLayers(load) };
}

/** Every layer from scratch; every expert is alike in those without a token. */
function placedAnew(
  { topology, capacity, groups, algorithm, dispatch, routing }: PlacementProblem,
  aim: ExpertLoad,
  aimOf: (load: ExpertLoad) => ExpertLoad,
): Placement {
  const load = evenWhereIdle(aim);
  if (algorithm === "eplb") return eplb(load, topology, groups);
  const consumer = consumerOf(dispatch);
  if (routing === null) {
    const coactivation = groupsTogether(groups, topology);
    return consumer.place({ load, topology, capacity, groups, coactivation });
  }
  const scenarios = partLoads(routing.trace, aim.layers, aim.experts).map(aimOf);
  const coactivation = { sample: sampleTokens(routing.trace), groups, hopWeight: routing.hopWeight };
  return consumer.place({ load, topology, capacity, groups, scenarios, coactivation });
}

/** What follows the placement in force. */
function followed(problem: PlacementProblem, previous: Placement, aim: ExpertLoad): Followed {
  const { topology, capacity, groups, algorithm, dispatch, maxMoves } = problem;
  if (algorithm === "plimsoll")
    return followPlacement(previous, aim, { topology, capacity, groups }, maxMoves, consumerOf(dispatch));
  const whole = bringBack(fitPlacement(previous, aim, topology, capacity), aim, capacity);
  const load = evenWhereIdle(aim);
  const full = fillEmptySlots(whole, load, capacity, emptySlots(whole, capacity));
  const placement = withLayersOf(keepSlots(whole, eplb(load, topology, groups)), full, idleLayers(aim));
  return { placement, necessary: countMovedSlots(previous, whole).slots, way: "afresh" };
}
