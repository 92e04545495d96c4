import { type ExpertLoad, layerLoad, loadRows } from "../../../model/load.ts";
import type { Placement } from "../../../model/placement.ts";
import { gpuCount } from "../../../model/topology.ts";
import { keepGpus } from "../../migration/keep-gpus.ts";
import { keepSlots } from "../../migration/moves.ts";
import { groupHomes } from "../group-homes.ts";
import { type Course, type CoursePoint, courseOf, rowAt } from "./course.ts";
import { evenBounds } from "./even-bounds.ts";
import { EvenLayer } from "./even-layer.ts";
import { fullestNode, keepsGroups } from "./homes.ts";
import { CLOSE_ENOUGH, type EvenPool, placeEven } from "./place-even.ts";
import { layerRow, placementRows } from "./placement-rows.ts";
import { reseat } from "./reseat.ts";
import type { Option } from "./spend-moves.ts";
import { StepFinder } from "./step-finder.ts";

/** A layer that has come this near its bound step by step is not seated anew: that takes many moves. */
const NOT_ANEW = 0.005;

/** One way to have a layer. */
export interface LayerWay extends Option {
  readonly isFromScratch: boolean;
  /** `[slots]` */
  row(): Int32Array;
}

/**
 * The ways to have each layer: step by step from what there is; where that stays above the bound, also once the layer is
 * seated anew by few moves; and from scratch.
 * @param load with tokens in every layer
 */
export function layerWays(now: Placement, load: ExpertLoad, pool: EvenPool): LayerWay[][] {
  const { topology, capacity, groups } = pool;
  const { experts } = load;
  const layer = new EvenLayer(topology, capacity, experts);
  const finder = new StepFinder(layer);
  const homes = keepsGroups(experts, groups, topology) ? groupHomes(now, groups, capacity) : null;
  const bounds = evenBounds(load, capacity);
  const unlevel: number[] = [];
  const ways = Array.from(bounds, (bound, i) => {
    const tokens = layerLoad(load, i);
    const before = layerRow(now, i);
    const own = homes === null ? null : homes.subarray(i * experts, (i + 1) * experts);
    const least = own === null ? bound : Math.max(bound, fullestNode(tokens, own, topology, capacity));
    const from = (row: Int32Array) => {
      const start = { tokens, row, before, homes: own };
      return waysAlong(courseOf(layer, finder, start, least * (1 + CLOSE_ENOUGH), "few moves"));
    };
    const all = from(before);
    if (lowest(all) > least * (1 + NOT_ANEW)) {
      const anew = reseat(tokens, before, pool, own);
      if (anew !== null) all.push(...from(anew));
    }
    if (lowest(all) > bound * (1 + NOT_ANEW)) unlevel.push(i);
    return all;
  });
  const scratch = fromScratch(now, load, unlevel, pool, layer);
  for (const [k, i] of unlevel.entries()) ways[i].push(scratch[k]);
  return ways;
}

function waysAlong(course: Course): LayerWay[] {
  return course.points.map((point: CoursePoint) => ({
    moves: point.moves,
    max: point.max,
    isFromScratch: false,
    row: () => rowAt(course, point),
  }));
}

function lowest(ways: readonly LayerWay[]): number {
  return ways.reduce((least, { max }) => Math.min(least, max), Number.POSITIVE_INFINITY);
}

/** These layers from scratch, with GPUs named so that little moves. */
function fromScratch(
  now: Placement,
  load: ExpertLoad,
  layers: readonly number[],
  { topology, capacity, groups }: EvenPool,
  layer: EvenLayer,
): LayerWay[] {
  if (layers.length === 0) return [];
  const some = loadRows(load, layers);
  const held = placementRows(now, layers);
  const placed = placeEven(some, topology, capacity, groups);
  // Where groups have no nodes of their own, any GPU can stand in for any other.
  const names = keepsGroups(load.experts, groups, topology)
    ? topology
    : { nodes: 1, gpusPerNode: gpuCount(topology), slotsPerGpu: topology.slotsPerGpu };
  const named = keepGpus({ ...held, topology: names }, { ...placed, topology: names }, capacity);
  const kept = keepSlots(held, { ...named, topology });
  return layers.map((_, k) => {
    const row = layerRow(kept, k);
    layer.begin({ tokens: layerLoad(some, k), row, before: layerRow(held, k), homes: null });
    return { moves: layer.moves, max: layer.max, isFromScratch: true, row: () => row };
  });
}
