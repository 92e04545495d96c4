import type { Tick } from "../grid/tick.ts";

const MOST_COLUMNS = 10;
/** Layer numbers from one tick to the next, about. */
const LAYERS_APART = 10;
/** Rows that a number needs for itself. */
const ROWS_APART = 4;

/** Numbers of experts, at a distance that is a power of two. */
export function expertTicks(experts: number): readonly Tick[] {
  let every = 1;
  while (experts / every > MOST_COLUMNS) every *= 2;
  return Array.from({ length: Math.ceil(experts / every) }, (_, i) => ({ at: i * every, number: i * every }));
}

/** The first row, and the first of each ten layers. @param numbers the layer of each row, ascending */
export function layerTicks(numbers: readonly number[]): readonly Tick[] {
  const ten = (row: number) => Math.floor(numbers[row] / LAYERS_APART);
  const ticks: Tick[] = [];
  for (const [at, number] of numbers.entries()) {
    if (at > 0 && ten(at) === ten(at - 1)) continue;
    if (ticks.length > 0 && at - ticks[ticks.length - 1].at < ROWS_APART) ticks.pop();
    ticks.push({ at, number });
  }
  return ticks;
}
