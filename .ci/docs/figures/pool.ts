import { Rng } from "../../../src/lib/rng.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";

/** The pool of all figures: one layer of 32 experts on 2 nodes of 4 GPUs, 5 slots each, so 8 redundant ones. */
export const TOPOLOGY = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 };
export const EXPERTS = 32;

/** As uneven as loads of large models are: lognormal. */
export function drawnLoad(layers: number, seed: number, sigma = 1): ExpertLoad {
  const rng = new Rng(seed);
  const tokens = Float64Array.from({ length: layers * EXPERTS }, () => 1000 * Math.exp(sigma * rng.normal()));
  return { layers, experts: EXPERTS, tokens };
}

/** The same load somewhat later. */
export function drifted({ tokens, ...rest }: ExpertLoad, seed: number, sigma: number): ExpertLoad {
  const rng = new Rng(seed);
  return { ...rest, tokens: tokens.map((count) => count * Math.exp(sigma * rng.normal())) };
}
