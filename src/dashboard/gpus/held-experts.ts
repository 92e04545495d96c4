import { type HeldExpert, type Placed, heaviest, replicasOf } from "../experts/placed-experts.ts";
import { list, percent } from "../format.ts";
import type { FilledGpu } from "../history/gpu-history-row.ts";
import { layerText } from "./gpu-text.ts";

const ROWS = 6;
const NAMED = 6;

/** One of the experts that fill a GPU, for a person. */
export interface HeldText {
  /** Where it is in the heat map; null of what is past. */
  readonly at: Pick<HeldExpert, "layer" | "expert"> | null;
  readonly name: string;
  /** What the GPU has of it, relative to a GPU's even part of its layer. */
  readonly times: number;
  /** Which part of its tokens that is, and where the others go. */
  readonly where: string;
}

/**
 * What fills a GPU now.
 * @param load `[layers][experts]`, relative to uniform
 * @param numbers the model's layer of each row; empty where that is not known
 */
export function heldBy(
  placed: Placed,
  load: readonly (readonly number[])[],
  gpu: number,
  numbers: readonly number[],
): readonly HeldText[] {
  return heaviest(placed, load, gpu, ROWS).map(({ layer, expert, load: times }) => ({
    at: { layer, expert },
    name: `${layerText(layer, numbers)}, expert ${expert}`,
    times,
    where: replicasText(placed, layer, expert, gpu),
  }));
}

/** What filled a GPU in ten seconds that are past. */
export function heldThen({ experts }: FilledGpu): readonly HeldText[] {
  return experts.map(({ layer, expert, load, share }) => ({
    at: null,
    name: `layer ${layer}, expert ${expert}`,
    times: load,
    where: share === 1 ? "all of its tokens" : `${percent(share)} of its tokens`,
  }));
}

/** Where else it is, and how its tokens are shared. */
function replicasText(placed: Placed, layer: number, expert: number, here: number): string {
  const replicas = replicasOf(placed, layer, expert);
  if (replicas.length === 1) return "its only replica";
  const share = replicas.find(({ gpu }) => gpu === here)?.share ?? 0;
  const others = replicas
    .filter(({ gpu }) => gpu !== here)
    .map(({ gpu, share: part }) => `GPU ${gpu} ${percent(part)}`);
  return `${percent(share)} of its tokens; ${list(others, NAMED)}`;
}
