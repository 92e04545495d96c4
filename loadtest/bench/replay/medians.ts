import { median } from "../median.ts";
import { errorPercent, FIGURES, type Figures } from "./figures.ts";
import type { ToolRun } from "./tool-run.ts";

/** A figure over the repeats. */
export interface FigureMedian {
  readonly measured: number | null;
  /** Per cent above the truth of its own run. */
  readonly error: number | null;
  /** The error of the run that is furthest off. */
  readonly worst: number | null;
}

export function medianFigures(runs: readonly ToolRun[]): Record<keyof Figures, FigureMedian> {
  const entries = FIGURES.map((figure) => {
    const errors = runs.flatMap(({ measured, truth }) => errorPercent(measured[figure], truth[figure]) ?? []);
    return [
      figure,
      {
        measured: median(runs.map(({ measured }) => measured[figure])),
        error: median(errors),
        worst: errors.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0] ?? null,
      },
    ];
  });
  return Object.fromEntries(entries) as Record<keyof Figures, FigureMedian>;
}
