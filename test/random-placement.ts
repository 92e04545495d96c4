import type { Rng } from "../src/lib/rng.ts";
import type { ExpertLoad } from "../src/model/load.ts";
import type { Placement } from "../src/model/placement.ts";
import { type Topology, slotCount } from "../src/model/topology.ts";

/** Every expert once and the rest of the slots at random, shuffled: several copies on one GPU included. */
export function randomPlacement(
  rng: Rng,
  layers: number,
  experts: number,
  topology: Topology,
): Placement & { readonly physicalToLogical: Int32Array } {
  const width = slotCount(topology);
  const physicalToLogical = new Int32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    for (let slot = 0; slot < width; slot++) row[slot] = slot < experts ? slot : rng.below(experts);
    shuffle(rng, row);
  }
  return { layers, experts, topology, physicalToLogical };
}

/** Log-uniform loads over so many powers of ten; one in eight is idle. */
export function randomLoad(rng: Rng, layers: number, experts: number, decades: number): ExpertLoad {
  const tokens = new Float64Array(layers * experts);
  for (let i = 0; i < tokens.length; i++)
    tokens[i] = rng.below(8) === 0 ? 0 : 10 ** (decades * rng.uniform());
  return { layers, experts, tokens };
}

function shuffle(rng: Rng, row: Int32Array): void {
  for (let i = row.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [row[i], row[j]] = [row[j], row[i]];
  }
}
