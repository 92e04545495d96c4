import { type ExpertLoad, layerLoad } from "../../../model/load.ts";
import type { Placement } from "../../../model/placement.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { type Topology, slotCount } from "../../../model/topology.ts";
import { evenWhereIdle } from "../../load/idle-layers.ts";
import { eplb } from "../eplb.ts";
import { courseOf, rowAt } from "./course.ts";
import { evenBounds } from "./even-bounds.ts";
import { EvenLayer } from "./even-layer.ts";
import { fullestNode, keepsGroups, packGroups } from "./homes.ts";
import { pairSlots } from "./pair-slots.ts";
import { partRepeated } from "./part-repeated.ts";
import { layerRow } from "./placement-rows.ts";
import { reseat } from "./reseat.ts";
import { StepFinder } from "./step-finder.ts";

/** A layer whose maximum is this near its bound is left as it is. */
export const CLOSE_ENOUGH = 0.002;

export interface EvenPool {
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  /** Expert groups of the gate, kept on nodes where these divide them; 1 for none. */
  readonly groups: number;
}

/** One layer, and which nodes its experts are at home on; null where any node will do. */
interface Seated {
  readonly row: Int32Array;
  readonly homes: Int32Array | null;
  readonly max: number;
}

/**
 * Places a load from scratch for engines that split an expert's tokens evenly over its slots: in every layer at least as
 * level as DeepSeek's EPLB, where that can run. A layer without a token is placed as if every expert were alike.
 * @param groups see EvenPool
 */
export function placeEven(
  load: ExpertLoad,
  topology: Topology,
  capacity: PoolCapacity,
  groups: number,
): Placement {
  const { layers, experts } = load;
  const tokens = evenWhereIdle(load);
  const width = slotCount(topology);
  const grouped = keepsGroups(experts, groups, topology);
  const theirs = runsEplb(topology, capacity)
    ? eplb(tokens, topology, experts % groups === 0 ? groups : 1)
    : null;
  const isUniform = capacity.speeds.every((speed) => speed === capacity.speeds[0]);
  const ownStart = theirs === null || grouped || !isUniform;
  const inPairs = theirs !== null && isUniform && !grouped && topology.slotsPerGpu === 2;
  const placer = new LayerPlacer({ topology, capacity, groups }, experts);
  const bounds = evenBounds(tokens, capacity);
  const physicalToLogical = new Int32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    placer.begin(layerLoad(tokens, layer), bounds[layer]);
    if (inPairs) placer.tryPairs();
    if (ownStart) placer.tryOwn(grouped);
    if (theirs !== null) placer.tryTheirs(layerRow(theirs, layer), grouped);
    physicalToLogical.set(placer.end(), layer * width);
  }
  return { layers, experts, topology, physicalToLogical };
}

/** EPLB knows no GPU with fewer slots. */
export function runsEplb({ slotsPerGpu }: Topology, { slots }: PoolCapacity): boolean {
  return slots.every((usable) => usable === slotsPerGpu);
}

/** Levels one layer after the other, from several starts. */
class LayerPlacer {
  readonly #pool: EvenPool;
  readonly #layer: EvenLayer;
  readonly #finder: StepFinder;
  readonly #nothing: Int32Array;
  #tokens: Float64Array = new Float64Array(0);
  #bound = 0;
  #best: Seated | null = null;

  constructor(pool: EvenPool, experts: number) {
    this.#pool = pool;
    this.#layer = new EvenLayer(pool.topology, pool.capacity, experts);
    this.#finder = new StepFinder(this.#layer);
    this.#nothing = new Int32Array(slotCount(pool.topology)).fill(-1);
  }

  begin(tokens: Float64Array, bound: number): void {
    this.#tokens = tokens;
    this.#bound = bound;
    this.#best = null;
  }

  tryPairs(): void {
    this.#level(pairSlots(this.#tokens, this.#nothing.length), null);
  }

  tryOwn(grouped: boolean): void {
    const { topology, capacity, groups } = this.#pool;
    const homes = grouped ? packGroups(this.#tokens, groups, topology, capacity) : null;
    const row = reseat(this.#tokens, this.#nothing, this.#pool, homes);
    if (row !== null) this.#level(row, homes);
  }

  /** Of EPLB's, only what is more level as it stands than the best so far is worth levelling. */
  tryTheirs(row: Int32Array, grouped: boolean): void {
    const homes = grouped ? this.#nodesOf(row) : null;
    this.#layer.begin({ tokens: this.#tokens, row, before: row, homes });
    if (this.#best === null || this.#layer.max < this.#best.max) this.#level(row, homes);
  }

  /** `[slots]`: the best. */
  end(): Int32Array {
    if (this.#best === null) throw new RangeError(`${this.#layer.experts} experts do not fit`);
    const { row, homes } = this.#best;
    this.#layer.begin({ tokens: this.#tokens, row, before: row, homes });
    partRepeated(this.#layer);
    return this.#layer.row;
  }

  #level(row: Int32Array, homes: Int32Array | null): void {
    const { topology, capacity } = this.#pool;
    const least = homes === null ? 0 : fullestNode(this.#tokens, homes, topology, capacity);
    const goal = Math.max(this.#bound, least) * (1 + CLOSE_ENOUGH);
    const start = { tokens: this.#tokens, row, before: row, homes };
    const course = courseOf(this.#layer, this.#finder, start, goal, "level");
    const last = course.points[course.points.length - 1];
    if (this.#best !== null && this.#best.max <= last.max) return;
    this.#best = { row: rowAt(course, last), homes, max: last.max };
  }

  /** `[experts]`: the node of each, in a row that keeps it on one. */
  #nodesOf(row: Int32Array): Int32Array {
    const { gpusPerNode, slotsPerGpu } = this.#pool.topology;
    const nodes = new Int32Array(this.#layer.experts);
    for (let slot = 0; slot < row.length; slot++)
      nodes[row[slot]] = Math.floor(slot / (gpusPerNode * slotsPerGpu));
    return nodes;
  }
}
