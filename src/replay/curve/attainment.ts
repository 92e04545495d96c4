/** How many of a step's requests held their targets, and what that says of the load. */
export interface Attainment {
  readonly good: number;
  /** Requests that completed or failed. */
  readonly of: number;
  /** good / of; null where there was none. */
  readonly part: number | null;
  /** Where the part is with 95 % certainty, were requests independent of each other; null where there was none. */
  readonly interval: readonly [low: number, high: number] | null;
}

const Z_95 = 1.959964;

/** The interval is Wilson's, which does not leave 0..1. */
export function attainmentOf(good: number, of: number): Attainment {
  if (of === 0) return { good, of, part: null, interval: null };
  const part = good / of;
  const z2 = (Z_95 * Z_95) / of;
  const middle = (part + z2 / 2) / (1 + z2);
  const half = (Z_95 * Math.sqrt((part * (1 - part)) / of + z2 / (4 * of))) / (1 + z2);
  return { good, of, part, interval: [Math.max(0, middle - half), Math.min(1, middle + half)] };
}
