import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { type Topology, slotCount } from "../../model/topology.ts";
import { solveShares } from "../shares/solve-shares.ts";
import { layerBounds } from "./bounds.ts";
import type { Coactivation } from "./coactivation.ts";
import { GroupCopies } from "./group-copies.ts";
import { improvePlacement } from "./improve-placement.ts";
import { ScenarioLeveller } from "./level-scenarios.ts";
import { NodeCopies } from "./node-copies.ts";
import { replicate } from "./replicate.ts";
import { spread } from "./scenario-spread.ts";
import { ExpertSeater } from "./seat-experts.ts";
import { zonesOf } from "./zones.ts";

/** Rounds of solving shares and levelling by them. */
const POLISH_ROUNDS = 16;
/** Where only groups are known, at most this part of the slots changes for balance, whatever their nodes. */
const ABROAD_PART = 0.15;
/** A layer whose maximum is this near its bound is left as it is. */
const CLOSE_ENOUGH = 0.0005;

/** What a placement from scratch is made for. */
export interface PlacementRequest {
  readonly load: ExpertLoad;
  /** `[layers][experts]`: how far off the load may be, one standard deviation; left out where it is known. */
  readonly deviation?: Float64Array | null;
  /**
   * Loads of short spans of the recent past, such as single batches: how the load varies, and which experts vary
   * together. The placement is to be balanced in each. Empty or left out where nothing is known of them.
   */
  readonly scenarios?: readonly ExpertLoad[];
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  /** Which experts are used together; null where only balance counts. */
  readonly coactivation: Coactivation | null;
}

/**
 * Plimsoll's placement. For balance: replicas for the experts whose copies carry most, seated so that load can flow
 * between any two GPUs; weighted shares (core/shares) do the rest. For few node hops: experts that are used
 * together get a node together, and copies go where tokens are that visit the expert's own node for nothing else.
 * Needs no divisibility of anything.
 *
 * @throws RangeError when the usable slots are fewer than the experts
 */
export function placeExperts(request: PlacementRequest): Placement {
  const { load, topology, capacity, scenarios = [] } = request;
  const coactivation = forNodes(request.coactivation, topology.nodes);
  const { layers, experts } = load;
  const width = slotCount(topology);
  // A GPU has no use for more slots than there are experts.
  const slots = capacity.slots.map((count) => Math.min(count, experts));
  const usable = slots.reduce((sum, count) => sum + count, 0);
  if (usable < experts) throw new RangeError(`${usable} usable slots cannot hold ${experts} experts`);
  const useful = { slots, speeds: capacity.speeds };
  const zones = zonesOf(topology, useful, coactivation !== null);
  const seater = new ExpertSeater(experts, topology.slotsPerGpu, useful, zones);
  const grouped = coactivation !== null && coactivation.sample.tokens === 0;
  const nodeCopies = grouped
    ? new GroupCopies(experts, zones, coactivation.groups)
    : coactivation === null
      ? null
      : new NodeCopies(experts, zones, coactivation);
  const inService = slots.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  const bounds = layerBounds(load, useful);
  const deviation = request.deviation ?? spread(load, scenarios);
  const leveller =
    scenarios.length === 0
      ? null
      : new ScenarioLeveller(topology, useful.speeds, zones, scenarios, coactivation);
  const abroad = Math.floor(width * ABROAD_PART);
  const physicalToLogical = new Int32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    const tokens = layerLoad(load, layer);
    const likely = mayBe(load, deviation, layer);
    const copies = nodeCopies?.choose(layer, likely) ?? replicate(likely, usable, inService).counts;
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    seatLayer(seater, { tokens, copies, topology, speeds: useful.speeds, bound: bounds[layer].value }, row);
    // What groups leave unbalanced, few experts and replicas on other nodes make good.
    if (grouped) {
      const alone = { layers: 1, experts, topology, physicalToLogical: row };
      const levelled = improvePlacement(alone, { layers: 1, experts, tokens }, useful, abroad);
      row.set(levelled.physicalToLogical);
    }
    leveller?.level(layer, row);
  }
  return { layers, experts, topology, physicalToLogical };
}

/** Hop weights are for pools of so many nodes. */
const HOP_WEIGHT_NODES = 4;

/** On more nodes there are more hops to save: measured on 4 and 8, the weight grows with them. */
function forNodes(coactivation: Coactivation | null, nodes: number): Coactivation | null {
  if (coactivation === null) return null;
  return { ...coactivation, hopWeight: (coactivation.hopWeight * nodes) / HOP_WEIGHT_NODES };
}

/** What each expert's load may well become: copies go where they may be needed. */
function mayBe(load: ExpertLoad, deviation: Float64Array | null, layer: number): Float64Array {
  const tokens = layerLoad(load, layer);
  if (deviation === null) return tokens;
  return tokens.map((mean, e) => mean + deviation[layer * load.experts + e]);
}

interface Layer {
  readonly tokens: Float64Array;
  readonly copies: Int32Array;
  readonly topology: Topology;
  readonly speeds: Float64Array;
  readonly bound: number;
}

/** Leaves replicas where load can flow best; only where that is not balanced enough, all may be swapped. */
function seatLayer(seater: ExpertSeater, layer: Layer, row: Int32Array): void {
  const max = seatAndPolish(seater, layer, row, "singles");
  // With one slot per GPU a swap changes nothing.
  if (max <= layer.bound * (1 + CLOSE_ENOUGH) || layer.topology.slotsPerGpu === 1) return;
  const kept = row.slice();
  if (seatAndPolish(seater, layer, row, "all") > max) row.set(kept);
}

/**
 * Seats, then levels by exact shares as long as that lowers their optimum and it is not within reach of the bound.
 * @returns the optimum: the least maximum of GPU load / speed
 */
function seatAndPolish(
  seater: ExpertSeater,
  { tokens, copies, topology, speeds, bound }: Layer,
  row: Int32Array,
  swaps: "singles" | "all",
): number {
  seater.seat(tokens, copies, row, swaps);
  const load = { layers: 1, experts: tokens.length, tokens };
  const placement = { layers: 1, experts: tokens.length, topology, physicalToLogical: row };
  const carried = new Float64Array(row.length);
  let best = Number.POSITIVE_INFINITY;
  let kept = row.slice();
  for (let round = 0; round < POLISH_ROUNDS; round++) {
    const { values, optimum } = solveShares(placement, indexReplicas(placement), load, speeds);
    if (optimum[0] < best) {
      best = optimum[0];
      kept = row.slice();
    }
    if (best <= bound * (1 + CLOSE_ENOUGH) || topology.slotsPerGpu === 1) break;
    for (let slot = 0; slot < row.length; slot++) {
      carried[slot] = row[slot] < 0 ? 0 : values[slot] * tokens[row[slot]];
    }
    if (!seater.relevel(carried, row, swaps)) break;
  }
  row.set(kept);
  return best;
}
