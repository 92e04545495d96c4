import { LoadTracker } from "../../../src/core/load/load-tracker.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import type { Upcoming } from "./scores.ts";
import { cut, loadOf, type RoutedTokens } from "../routed-tokens.ts";

/** A window to place on, and what comes after it. */
export interface Step {
  readonly past: ExpertLoad;
  readonly upcoming: readonly Upcoming[];
}

export interface DriftCase {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Whether each step goes on from the one before. */
  readonly inARow: boolean;
}

/** Parts of a window between which shares are solved anew. */
const PARTS = 10;
const PART_MS = 1000;
/** What the share solver sees is off by this part (the standard deviation of a lognormal's logarithm). */
export const NOISE = 0.1;

/**
 * Consecutive windows of tokens; of each, ten sub-windows come, each known by the one before it.
 * @param order token numbers as they are forwarded
 */
export function windowCase(name: string, tokens: RoutedTokens, order: Int32Array, window: number): DriftCase {
  const part = Math.floor(window / PARTS);
  const windows = cut(order, window).map((rows) => ({
    past: loadOf(tokens, rows),
    parts: cut(rows, part).map((piece) => loadOf(tokens, piece)),
  }));
  const tracker = new LoadTracker(tokens.trace.layers, tokens.experts, PART_MS);
  for (const load of windows[0].parts) tracker.observe(load, PART_MS);
  const steps = windows.slice(1).map(({ parts }, i): Step => {
    let known = windows[i].parts[PARTS - 1];
    const upcoming = parts.map((load) => {
      const next = { load, known, tracked: tracker.forecast() };
      tracker.observe(load, PART_MS);
      known = load;
      return next;
    });
    return { past: windows[i].past, upcoming };
  });
  return { name, steps, inARow: true };
}

/** Every expert's load goes its own way: × lognormal of `sigma`, seen with noise when shares are solved. */
export function lognormalCase(
  loads: readonly ExpertLoad[],
  sigma: number,
  draws: number,
  seed: number,
): DriftCase {
  const steps = loads.flatMap((past, i) =>
    Array.from({ length: draws }, (_, draw): Step => {
      const rng = new Rng(seed, 4, i, draw, Math.round(1000 * sigma));
      const load = scattered(past, sigma, rng);
      return { past, upcoming: [{ load, known: scattered(load, NOISE, rng), tracked: null }] };
    }),
  );
  return { name: `lognormal σ ${sigma}`, steps, inARow: false };
}

/** A load with every expert's part × lognormal of this σ. */
export function scattered(load: ExpertLoad, sigma: number, rng: Rng): ExpertLoad {
  return { ...load, tokens: load.tokens.map((tokens) => tokens * Math.exp(sigma * rng.normal())) };
}
