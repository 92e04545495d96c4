import { int32Copy } from "../../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad, loadRows } from "../../../model/load.ts";
import type { Placement } from "../../../model/placement.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { type Topology, slotCount } from "../../../model/topology.ts";
import { idleLayers } from "../../load/idle-layers.ts";
import { changedSlots, keepSlots } from "../../migration/moves.ts";
import { eplb } from "../eplb.ts";
import { EvenLayer } from "./even-layer.ts";
import { layerWays } from "./layer-ways.ts";
import { type EvenPool, placeEven, runsEplb } from "./place-even.ts";
import { layerRow, placementRows } from "./placement-rows.ts";
import { type Option, spendMoves } from "./spend-moves.ts";

/** Few moves: this part of those that the engine's own algorithm takes. */
const FEW_PART = 0.15;
/** How much of balancedness few moves may leave to the engine's own algorithm. */
const MOST_LOST = 0.005;
/** Unless told how many moves to make: lowering a layer's maximum by less than this part of it is not worth one. */
const LEAST_GAIN = 0.00003;
/** Otherwise: less is no gain. */
const ANY_GAIN = 1e-9;

/** A placement that was adapted, and how far it had to go for that. */
export interface AdaptedEven {
  readonly placement: Placement;
  /** Few moves beside those of the engine's own algorithm; more; or every layer with tokens from scratch. */
  readonly way: "few moves" | "more moves" | "afresh";
}

/**
 * Adapts a placement to a load for engines that split an expert's tokens evenly over its slots. Layers without a token keep
 * what they have.
 * @param previous  of this pool, with every expert in every layer; slots may be empty
 * @param groups    expert groups of the gate; where nodes divide them, no expert comes to a node that is neither its group's
 *                  home nor has it already, other than from scratch; 1 for none
 * @param mostMoves slots that may change, over all layers. Null for FEW_PART of the
 *                  moves of the engine's own algorithm where that loses MOST_LOST against it at most, and otherwise for as
 *                  many as it takes to be as level as that
 */
export function adaptEven(
  previous: Placement,
  load: ExpertLoad,
  topology: Topology,
  capacity: PoolCapacity,
  groups: number,
  mostMoves: number | null,
): AdaptedEven {
  const idle = new Set(idleLayers(load));
  const busy = Array.from({ length: load.layers }, (_, layer) => layer).filter((layer) => !idle.has(layer));
  if (busy.length === 0) return { placement: previous, way: "few moves" };
  const now = placementRows(previous, busy);
  const tokens = loadRows(load, busy);
  const theirs = enginesOwn(now, tokens, { topology, capacity, groups });
  const few = Math.floor(theirs.moves * FEW_PART);
  const ways = layerWays(now, tokens, { topology, capacity, groups });
  const chosen =
    mostMoves === null
      ? likeEnginesOwn(ways, theirs.maxima, meanSum(tokens, capacity), few)
      : spendMoves(ways, { mostMoves, goal: 0, leastGain: ANY_GAIN });
  const width = slotCount(topology);
  const physicalToLogical = int32Copy(previous.physicalToLogical);
  let moves = 0;
  let isAfresh = true;
  for (const [i, layer] of busy.entries()) {
    const way = ways[i][chosen[i]];
    physicalToLogical.set(way.row(), layer * width);
    moves += way.moves;
    isAfresh &&= way.isFromScratch;
  }
  // What stays on its GPU stays in its slot.
  const placement = keepSlots(previous, { ...previous, physicalToLogical });
  return { placement, way: moves <= few ? "few moves" : isAfresh ? "afresh" : "more moves" };
}

/** Few moves where they lose little against the engine's own algorithm; else as many as it takes to lose nothing. */
function likeEnginesOwn(
  ways: readonly (readonly Option[])[],
  theirMaxima: number,
  means: number,
  few: number,
): Int32Array {
  const chosen = spendMoves(ways, { mostMoves: few, goal: 0, leastGain: LEAST_GAIN });
  const maxima = ways.reduce((sum, own, layer) => sum + own[chosen[layer]].max, 0);
  if (means / maxima >= means / theirMaxima - MOST_LOST) return chosen;
  return spendMoves(ways, { mostMoves: Number.POSITIVE_INFINITY, goal: theirMaxima, leastGain: ANY_GAIN });
}

/** Σ over layers of load / speed of the pool as a whole. */
function meanSum(load: ExpertLoad, { slots, speeds }: PoolCapacity): number {
  const speed = speeds.reduce((sum, own, gpu) => (slots[gpu] > 0 ? sum + own : sum), 0);
  return load.tokens.reduce((sum, tokens) => sum + tokens, 0) / speed;
}

/** What the engine's own algorithm makes of the load: the sum of the layers' maxima, and its moves. Ours where it cannot run. */
function enginesOwn(
  now: Placement,
  load: ExpertLoad,
  { topology, capacity, groups }: EvenPool,
): { readonly maxima: number; readonly moves: number } {
  const theirs = runsEplb(topology, capacity)
    ? eplb(load, topology, load.experts % groups === 0 ? groups : 1)
    : placeEven(load, topology, capacity, groups);
  const layer = new EvenLayer(topology, capacity, load.experts);
  let maxima = 0;
  for (let i = 0; i < load.layers; i++) {
    const row = layerRow(theirs, i);
    layer.begin({ tokens: layerLoad(load, i), row, before: row, homes: null });
    maxima += layer.max;
  }
  return { maxima, moves: changedSlots(now, keepSlots(now, theirs)) };
}
