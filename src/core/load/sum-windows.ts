import { type ExpertLoad, emptyLoad } from "../../model/load.ts";

/**
 * The load of several windows together.
 * @param windows at least one, all of one shape
 */
export function sumWindows(windows: readonly ExpertLoad[]): ExpertLoad {
  const sum = emptyLoad(windows[0].layers, windows[0].experts);
  for (const { tokens } of windows) {
    for (let i = 0; i < tokens.length; i++) sum.tokens[i] += tokens[i];
  }
  return sum;
}
