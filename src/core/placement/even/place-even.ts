import { int32Copy } from "../../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad } from "../../../model/load.ts";
import type { Placement } from "../../../model/placement.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { type Topology, gpuCount, slotCount } from "../../../model/topology.ts";
import { evenWhereIdle } from "../../load/idle-layers.ts";
import { eplb } from "../eplb.ts";
import { courseOf, rowAt } from "./course.ts";
import { evenBounds } from "./even-bounds.ts";
import { EvenLayer } from "./even-layer.ts";
import { fullestNode, keepsGroups, packGroups } from "./homes.ts";
import { partRepeated } from "./part-repeated.ts";
import { reseat } from "./reseat.ts";
import { StepFinder } from "./step-finder.ts";

/** A layer whose maximum is this near its bound is left as it is. */
export const CLOSE_ENOUGH = 0.002;

/**
 * Places a load from scratch for engines that split an expert's tokens evenly over its slots: in every layer at least as
 * level as DeepSeek's EPLB, where that can run.
 * @param groups expert groups of the gate, kept on nodes where these divide them; 1 for none
 */
export function placeEven(
  given: ExpertLoad,
  topology: Topology,
  capacity: PoolCapacity,
  groups: number,
): Placement {
  const load = evenWhereIdle(given);
  const { layers, experts } = load;
  const width = slotCount(topology);
  const theirs = runsEplb(topology, capacity) ? eplb(load, topology, experts % groups === 0 ? groups : 1) : null;
  const theirRows = theirs === null ? null : int32Copy(theirs.physicalToLogical);
  const grouped = keepsGroups(experts, groups, topology);
  const ownStart = theirs === null || grouped || !isEven(capacity.speeds);
  const layer = new EvenLayer(topology, capacity, experts);
  const finder = new StepFinder(layer);
  const bounds = evenBounds(load, capacity);
  const physicalToLogical = new Int32Array(layers * width);
  const empty = new Int32Array(width).fill(-1);
  for (let row = 0; row < layers; row++) {
    const tokens = layerLoad(load, row);
    const begin = (start: Int32Array, homes: Int32Array | null) => {
      layer.begin({ tokens, row: start, before: start, homes });
      return layer.max;
    };
    const level = (start: Int32Array, homes: Int32Array | null) => {
      const least = homes === null ? 0 : fullestNode(tokens, homes, topology, capacity);
      const goal = Math.max(bounds[row], least) * (1 + CLOSE_ENOUGH);
      const course = courseOf(layer, finder, { tokens, row: start, before: start, homes }, goal, "level");
      const last = course.points[course.points.length - 1];
      return { row: rowAt(course, last), max: last.max, homes };
    };
    let best: { row: Int32Array; max: number; homes: Int32Array | null } | null = null;
    if (ownStart) {
      const homes = grouped ? packGroups(tokens, groups, topology, capacity) : null;
      const start = reseat(tokens, empty, { topology, capacity }, homes);
      if (start !== null) best = level(start, homes);
    }
    if (theirRows !== null) {
      const start = theirRows.subarray(row * width, (row + 1) * width);
      const homes = grouped ? homesOf(start, experts, topology) : null;
      if (best === null || begin(start, homes) < best.max) {
        const other = level(start, homes);
        if (best === null || other.max < best.max) best = other;
      }
    }
    if (best === null) throw new RangeError(`${experts} experts do not fit`);
    begin(best.row, best.homes);
    partRepeated(layer);
    physicalToLogical.set(layer.row, row * width);
  }
  return { layers, experts, topology, physicalToLogical };
}

/** EPLB knows no GPU with fewer slots. */
export function runsEplb(topology: Topology, { slots }: PoolCapacity): boolean {
  return slots.length === gpuCount(topology) && slots.every((n) => n === topology.slotsPerGpu);
}

function isEven(speeds: Float64Array): boolean {
  return speeds.every((speed) => speed === speeds[0]);
}

/** `[experts]`: the node that each is on, in a row that keeps it on one. */
function homesOf(row: Int32Array, experts: number, { gpusPerNode, slotsPerGpu }: Topology): Int32Array {
  const homes = new Int32Array(experts);
  for (let slot = 0; slot < row.length; slot++) homes[row[slot]] = Math.floor(slot / (gpusPerNode * slotsPerGpu));
  return homes;
}
