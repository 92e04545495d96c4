import { percent } from "../format.ts";
import type { DecisionRecord, MeasuredFigures } from "../live/wire.ts";

export const KIND_NAMES: Readonly<Record<DecisionRecord["kind"], string>> = {
  placement: "placement",
  repair: "repair",
  loss: "loss",
  shares: "shares",
  kept: "kept",
};

/** How far it has come. */
export function progressText({ state, stages, why, times }: DecisionRecord): string {
  const often = times === 1 ? "" : `${times} times`;
  if (state === "given up") return `given up: ${why ?? "no reason is known"}`;
  if (state === "under way") return stages === null ? "under way" : `stage ${stages.done} of ${stages.of}`;
  return often;
}

/** From one to the other, and by how much. */
function changeText(before: number, after: number, decimals: number): string {
  return `${before.toFixed(decimals)} → ${after.toFixed(decimals)}`;
}

/** Balancedness as it was predicted; null where nothing was. */
export function predictedText({ weighed }: DecisionRecord): string | null {
  return weighed === null ? null : changeText(weighed.before.balancedness, weighed.after.balancedness, 3);
}

/** Balancedness as it was measured, before and after; null where that is not known (yet). */
export function measuredText({ before, after }: DecisionRecord): string | null {
  return before === null || after === null ? null : changeText(before.balancedness, after.balancedness, 3);
}

/** Over which spans it was measured. */
export function spanText({ before, after }: DecisionRecord): string {
  const span = (figures: MeasuredFigures | null) =>
    figures === null ? "nothing" : `${Math.round(figures.spanMs / 1000)} s`;
  return `over ${span(before)} before and ${span(after)} after`;
}

/** What it gains against what its moves need; null where nothing moves. */
export function worthText({ weighed }: DecisionRecord): string | null {
  if (weighed === null || weighed.gain === null || weighed.neededGain === null) return null;
  return `${percent(weighed.gain, 1)} of ${percent(weighed.neededGain, 1)} needed`;
}
