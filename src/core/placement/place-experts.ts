import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import { indexReplicas, type Placement } from "../../model/placement.ts";
import { type PoolCapacity, fullCapacity } from "../../model/pool-capacity.ts";
import { type Topology, slotCount } from "../../model/topology.ts";
import { solveShares } from "../shares/solve-shares.ts";
import { layerBounds } from "./bounds.ts";
import { replicate } from "./replicate.ts";
import { ExpertSeater } from "./seat-experts.ts";
import { zonesOf } from "./zones.ts";

/** Rounds of solving shares and levelling by them. */
const POLISH_ROUNDS = 16;
/** A layer whose maximum is this near its bound is left as it is. */
const CLOSE_ENOUGH = 0.0005;

/**
 * Plimsoll's placement for balance: replicas for the experts whose copies carry most, seated so that load can flow
 * between any two GPUs; weighted shares (core/shares) do the rest. Needs no divisibility of anything.
 *
 * @throws RangeError when the usable slots are fewer than the experts
 */
export function placeExperts(
  load: ExpertLoad,
  topology: Topology,
  capacity: PoolCapacity = fullCapacity(topology),
): Placement {
  const { layers, experts } = load;
  const width = slotCount(topology);
  const usable = capacity.slots.reduce((sum, n) => sum + n, 0);
  if (usable < experts) throw new RangeError(`${usable} slots cannot hold ${experts} experts`);
  const zones = zonesOf(topology, capacity, false);
  const seater = new ExpertSeater(experts, topology.slotsPerGpu, capacity, zones);
  const bounds = layerBounds(load, capacity);
  const physicalToLogical = new Int32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    const tokens = layerLoad(load, layer);
    const { counts } = replicate(tokens, usable);
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    seater.seat(tokens, counts, row);
    polish(seater, tokens, row, topology, capacity, bounds[layer].value);
  }
  return { layers, experts, topology, physicalToLogical };
}

/** Levels by exact shares, as long as that lowers their optimum and it is not within reach of the bound. */
function polish(
  seater: ExpertSeater,
  tokens: Float64Array,
  row: Int32Array,
  topology: Topology,
  { speeds }: PoolCapacity,
  bound: number,
): void {
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
    if (best <= bound * (1 + CLOSE_ENOUGH)) break;
    for (let slot = 0; slot < row.length; slot++) {
      carried[slot] = row[slot] < 0 ? 0 : values[slot] * tokens[row[slot]];
    }
    if (!seater.relevel(carried, row)) break;
  }
  row.set(kept);
}
