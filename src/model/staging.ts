import { type MoeModel, expertBytes } from "./moe-model.ts";
import type { Topology } from "./topology.ts";

/** What each GPU may hold beside what it uses, where nothing else is said. */
const USUAL_BYTES = 1 << 30;

/** Bytes of weights that a GPU needs beside those it uses to receive one layer anew: the least that a rollout works with. */
export function layerStagingBytes(model: MoeModel, { slotsPerGpu }: Topology): number {
  return slotsPerGpu * expertBytes(model);
}

/** What a pool's rollouts take where its configuration leaves it open. */
export function usualStagingBytes(model: MoeModel, topology: Topology): number {
  return Math.max(USUAL_BYTES, layerStagingBytes(model, topology));
}
