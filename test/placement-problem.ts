import type { PlacementProblem } from "../src/core/planning/solve-placement.ts";
import { Rng } from "../src/lib/rng.ts";
import type { ExpertLoad } from "../src/model/load.ts";
import { fullCapacity } from "../src/model/pool-capacity.ts";
import type { Topology } from "../src/model/topology.ts";

/** Of a whole pool, for balance alone, from scratch: what a case does not say otherwise. */
export function problemOf(
  load: ExpertLoad,
  topology: Topology,
  rest: Partial<PlacementProblem> = {},
): PlacementProblem {
  return {
    load,
    topology,
    capacity: fullCapacity(topology),
    groups: 1,
    algorithm: "plimsoll",
    dispatch: "shares",
    activation: null,
    routing: null,
    previous: null,
    maxMoves: null,
    model: null,
    ...rest,
  };
}

/** Lognormal, and nothing in the idle layers. */
export function skewedLoad(
  seed: number,
  layers: number,
  experts: number,
  idle: readonly number[] = [],
): ExpertLoad {
  const rng = new Rng(seed);
  const tokens = Float64Array.from({ length: layers * experts }, () => 1000 * Math.exp(rng.normal()));
  for (const layer of idle) tokens.fill(0, layer * experts, (layer + 1) * experts);
  return { layers, experts, tokens };
}
