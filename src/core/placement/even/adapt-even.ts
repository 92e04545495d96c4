import { int32Copy } from "../../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad, loadRows } from "../../../model/load.ts";
import type { Placement } from "../../../model/placement.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { type Topology, gpuCount, slotCount } from "../../../model/topology.ts";
import { idleLayers } from "../../load/idle-layers.ts";
import { keepGpus } from "../../migration/keep-gpus.ts";
import { countMovedSlots, keepSlots } from "../../migration/moves.ts";
import { eplb } from "../eplb.ts";
import { groupHomes } from "../group-homes.ts";
import { type Course, type CoursePoint, courseOf, rowAt } from "./course.ts";
import { evenBounds } from "./even-bounds.ts";
import { EvenLayer } from "./even-layer.ts";
import { fullestNode, keepsGroups } from "./homes.ts";
import { CLOSE_ENOUGH, placeEven, runsEplb } from "./place-even.ts";
import { reseat } from "./reseat.ts";
import { type Option, spendMoves } from "./spend-moves.ts";
import { StepFinder } from "./step-finder.ts";

/** Few moves: this part of those that the engine's own algorithm takes. */
const FEW_PART = 0.15;
/** How much of balancedness few moves may leave to the engine's own algorithm. */
const MOST_LOST = 0.005;
/** Unless told how many moves to make: lowering a layer's maximum by less than this part of it is not worth one. */
const LEAST_GAIN = 0.00003;

export type AdaptedBy = "few moves" | "more moves" | "afresh";

export interface AdaptedEven {
  readonly placement: Placement;
  /** Few moves of those that the engine's own algorithm takes; more; or every layer with tokens from scratch. */
  readonly way: AdaptedBy;
}

/** One way to have a layer, and how to get there. */
interface Way extends Option {
  /** Null for the layer from scratch. */
  readonly course: Course | null;
  readonly point: CoursePoint | null;
  readonly row: Int32Array | null;
}

/**
 * Adapts a placement to a load for engines that split an expert's tokens evenly over its slots. Layers without a token keep
 * what they have.
 * @param previous  of this pool, with every expert in every layer; slots may be empty
 * @param groups    expert groups of the gate; where nodes divide them, no expert comes to a node that is neither its group's
 *                  home nor has it already; 1 for none
 * @param mostMoves slots that may change, over all layers. Null for what keeps within MOST_LOST of the engine's own
 *                  algorithm: FEW_PART of its moves, where that will not do more, or a placement from scratch
 */
export function adaptEven(
  previous: Placement,
  load: ExpertLoad,
  topology: Topology,
  capacity: PoolCapacity,
  groups: number,
  mostMoves: number | null,
): AdaptedEven {
  const { experts } = load;
  const idle = new Set(idleLayers(load));
  const busy = Array.from({ length: load.layers }, (_, layer) => layer).filter((layer) => !idle.has(layer));
  if (busy.length === 0) return { placement: previous, way: "few moves" };
  const pool = { topology, capacity, groups };
  const now = rowsOf(previous, busy);
  const some = loadRows(load, busy);
  const layer = new EvenLayer(topology, capacity, experts);
  const theirs = enginesOwn(now, some, pool, layer);
  const few = Math.floor(theirs.moves * FEW_PART);
  const ways = waysOf(now, some, pool, layer, mostMoves ?? Number.POSITIVE_INFINITY);
  const chosen = choose(ways, some, capacity, theirs.sum, few, mostMoves);
  const width = slotCount(topology);
  const physicalToLogical = int32Copy(previous.physicalToLogical);
  for (const [i, row] of busy.entries()) physicalToLogical.set(rowOf(ways[i][chosen[i]]), row * width);
  const placement = { ...previous, physicalToLogical };
  const moves = ways.reduce((sum, own, i) => sum + own[chosen[i]].moves, 0);
  const afresh = ways.every((own, i) => own[chosen[i]].course === null);
  return { placement, way: moves <= few ? "few moves" : afresh ? "afresh" : "more moves" };
}

interface Pool {
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  readonly groups: number;
}

function choose(
  ways: readonly (readonly Way[])[],
  load: ExpertLoad,
  { slots, speeds }: PoolCapacity,
  theirSum: number,
  few: number,
  mostMoves: number | null,
): Int32Array {
  if (mostMoves !== null) return spendMoves(ways, { mostMoves, goal: 0, leastGain: 1e-9 });
  const chosen = spendMoves(ways, { mostMoves: few, goal: 0, leastGain: LEAST_GAIN });
  const mean = load.tokens.reduce((a, b) => a + b, 0) / speeds.reduce((a, b, gpu) => (slots[gpu] > 0 ? a + b : a), 0);
  const enough = mean / (mean / theirSum - MOST_LOST);
  if (ways.reduce((sum, own, i) => sum + own[chosen[i]].max, 0) <= enough) return chosen;
  return spendMoves(ways, { mostMoves: Number.POSITIVE_INFINITY, goal: theirSum, leastGain: 1e-9 });
}

/** What the engine's own algorithm makes of the load: the sum of the layers' maxima, and its moves. Ours where it cannot run. */
function enginesOwn(
  now: Placement,
  load: ExpertLoad,
  { topology, capacity, groups }: Pool,
  layer: EvenLayer,
): { readonly sum: number; readonly moves: number } {
  const theirs = runsEplb(topology, capacity)
    ? eplb(load, topology, load.experts % groups === 0 ? groups : 1)
    : placeEven(load, topology, capacity, groups);
  let sum = 0;
  for (let i = 0; i < load.layers; i++) {
    const row = rowOfPlacement(theirs, i);
    layer.begin({ tokens: layerLoad(load, i), row, before: row, homes: null });
    sum += layer.max;
  }
  return { sum, moves: countMovedSlots(now, theirs).slots };
}

/** Each layer's ways: step by step from what there is, the same once it is seated anew, and from scratch. */
function waysOf(
  now: Placement,
  load: ExpertLoad,
  pool: Pool,
  layer: EvenLayer,
  mostMoves: number,
): Way[][] {
  const { topology, capacity, groups } = pool;
  const { experts } = load;
  const finder = new StepFinder(layer);
  const homes = keepsGroups(experts, groups, topology) ? groupHomes(now, groups, capacity) : null;
  const goals = evenBounds(load, capacity).map((bound) => bound * (1 + CLOSE_ENOUGH));
  const ways: Way[][] = [];
  const unlevel: number[] = [];
  for (let i = 0; i < load.layers; i++) {
    const tokens = layerLoad(load, i);
    const before = rowOfPlacement(now, i);
    const own = homes === null ? null : homes.subarray(i * experts, (i + 1) * experts);
    const least = own === null ? 0 : fullestNode(tokens, own, topology, capacity) * (1 + CLOSE_ENOUGH);
    const goal = Math.max(goals[i], least);
    const course = (row: Int32Array) => {
      const taken = courseOf(layer, finder, { tokens, row, before, homes: own }, goal, "few moves");
      return taken.points.map(({ moves, max }, k) => ({ moves, max, course: taken, point: taken.points[k], row: null }));
    };
    const all = course(before);
    if (lowest(all) > goal) {
      const anew = reseat(tokens, before, pool, own);
      if (anew !== null) all.push(...course(anew));
    }
    if (lowest(all) > goals[i]) unlevel.push(i);
    ways.push(all.filter(({ moves }) => moves <= mostMoves));
  }
  for (const { i, way } of fromScratch(now, load, unlevel, pool, layer)) {
    if (way.moves <= mostMoves) ways[i].push(way);
  }
  return ways;
}

function lowest(ways: readonly Way[]): number {
  return ways.reduce((least, { max }) => Math.min(least, max), Number.POSITIVE_INFINITY);
}

/** Layers from scratch, with GPUs named so that little moves. */
function fromScratch(
  now: Placement,
  load: ExpertLoad,
  layers: readonly number[],
  { topology, capacity, groups }: Pool,
  layer: EvenLayer,
): { readonly i: number; readonly way: Way }[] {
  if (layers.length === 0) return [];
  const some = loadRows(load, layers);
  const held = rowsOf(now, layers);
  const placed = placeEven(some, topology, capacity, groups);
  // Where groups have no nodes of their own, any GPU can stand in for any other.
  const flat = keepsGroups(load.experts, groups, topology)
    ? topology
    : { nodes: 1, gpusPerNode: gpuCount(topology), slotsPerGpu: topology.slotsPerGpu };
  const named = keepGpus({ ...held, topology: flat }, { ...placed, topology: flat }, capacity);
  const kept = keepSlots(held, { ...named, topology });
  return layers.map((i, k) => {
    const row = rowOfPlacement(kept, k);
    layer.begin({ tokens: layerLoad(some, k), row, before: rowOfPlacement(held, k), homes: null });
    return { i, way: { moves: layer.moves, max: layer.max, course: null, point: null, row } };
  });
}

function rowOf({ course, point, row }: Way): Int32Array {
  if (course !== null && point !== null) return rowAt(course, point);
  return row ?? new Int32Array(0);
}

function rowsOf(placement: Placement, layers: readonly number[]): Placement {
  const width = slotCount(placement.topology);
  const physicalToLogical = new Int32Array(layers.length * width);
  for (const [to, layer] of layers.entries()) physicalToLogical.set(rowOfPlacement(placement, layer), to * width);
  return { ...placement, layers: layers.length, physicalToLogical };
}

/** `[slots]` */
function rowOfPlacement({ topology, physicalToLogical }: Placement, layer: number): Int32Array {
  const width = slotCount(topology);
  return Int32Array.from({ length: width }, (_, slot) => physicalToLogical[layer * width + slot]);
}
