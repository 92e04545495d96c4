import type { EvenLayer, LayerStart } from "./even-layer.ts";
import type { Aim, StepFinder } from "./step-finder.ts";

/** How a layer becomes level step by step. */
export interface Course {
  /** `[slots]`: what it begins with. */
  readonly row: Int32Array;
  /** The slots that change one after the other, and what each gets. */
  readonly slots: readonly number[];
  readonly experts: readonly number[];
  /** Where the maximum is lower than ever before, the beginning included. */
  readonly points: readonly CoursePoint[];
}

/** A point of a course at which it could end. */
export interface CoursePoint {
  /** Slots of the course that have changed by then. */
  readonly changes: number;
  /** From what there was before. */
  readonly moves: number;
  /** The fullest GPU's load / speed. */
  readonly max: number;
}

/** Levels a layer until its maximum is at the goal, or no step gains. */
export function courseOf(
  layer: EvenLayer,
  finder: StepFinder,
  start: LayerStart,
  goal: number,
  aim: Aim,
): Course {
  layer.begin(start);
  const slots: number[] = [];
  const experts: number[] = [];
  let last: CoursePoint = { changes: 0, moves: layer.moves, max: layer.max };
  const points = [last];
  // Levelling one GPU of several that are alike does not lower the maximum yet.
  for (let idle = 0; idle < layer.gpus && layer.max > goal && finder.find(aim); idle++) {
    for (let i = 0; i < finder.count; i++) {
      slots.push(finder.slots[i]);
      experts.push(finder.experts[i]);
    }
    layer.change(finder.slots, finder.experts, finder.count);
    if (layer.max >= last.max) continue;
    last = { changes: slots.length, moves: layer.moves, max: layer.max };
    points.push(last);
    idle = -1;
  }
  return { row: start.row.slice(), slots, experts, points };
}

/** `[slots]`: what the layer holds at a point of its course. */
export function rowAt({ row, slots, experts }: Course, { changes }: CoursePoint): Int32Array {
  const at = row.slice();
  for (let i = 0; i < changes; i++) at[slots[i]] = experts[i];
  return at;
}
