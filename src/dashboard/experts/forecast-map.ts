import type { Forecast } from "../changes/forecast.ts";
import { percent, time } from "../format.ts";
import { layerText } from "../gpus/gpu-text.ts";
import { fullest } from "../figures/averages.ts";

/** `[layers][experts]`: load less forecast, in even parts. */
export function differences(
  load: readonly (readonly number[])[],
  forecast: Forecast["load"],
): readonly (readonly number[])[] {
  return load.map((row, layer) => row.map((one, expert) => one - (forecast[layer]?.[expert] ?? 0)));
}

/**
 * `[layers]`: which part of a layer's tokens is with other experts than was forecast: half of what experts differ by.
 * @param differ as `differences` gives it
 */
export function layerErrors(differ: readonly (readonly number[])[]): number[] {
  return differ.map((row) => row.reduce((sum, one) => sum + Math.abs(one), 0) / (2 * row.length));
}

/** How far off it is, for a person. @param numbers the model's layer of each row */
export function errorText(errors: readonly number[], atMs: number, numbers: readonly number[]): string {
  const mean = errors.reduce((sum, one) => sum + one, 0) / Math.max(1, errors.length);
  const worst = fullest(errors);
  return `Forecast of ${time(atMs)}, for which the placement in force was made: ${percent(mean, 1)} of the tokens are with other experts than forecast, most in ${layerText(worst, numbers)} (${percent(errors[worst], 1)}).`;
}
