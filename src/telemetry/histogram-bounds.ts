/** Seconds. From a bound to the next an eighth to a third more, where targets are. */
const TTFT = [
  0.01, 0.025, 0.035, 0.05, 0.07, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5,
  3.5, 5, 7, 10, 15, 30, 60, 120, 300, 600,
];
const ITL = [
  0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.0225, 0.025, 0.03, 0.035,
  0.04, 0.05, 0.06, 0.075, 0.09, 0.1, 0.11, 0.125, 0.14, 0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1, 5, 15,
  30, 60, 120,
];
const DURATION = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** A choice takes a fraction of a millisecond; what waits for admission takes as long as it may. */
export const PICK = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 30,
];

/** Powers of two, and between them one and a half times each. */
export const TOKEN_BOUNDS = Array.from({ length: 17 }, (_, power) => [
  2 ** (power + 3),
  1.5 * 2 ** (power + 3),
]).flat();

/** How long the configuration lets things take, in milliseconds. */
export interface TimeLimits {
  /** A request waits for admission. */
  readonly queueMs: number;
  readonly firstTokenMs: number;
  /** Between two chunks of an answer. */
  readonly idleMs: number;
}

/** Bounds in seconds, ascending, the last of each no less than its limit. A whole request may take longer than any. */
export function timeBounds({ queueMs, firstTokenMs, idleMs }: TimeLimits) {
  const ttft = upTo(TTFT, queueMs + firstTokenMs);
  return { ttft, itl: upTo(ITL, idleMs), duration: upTo(DURATION, 1000 * (ttft.at(-1) ?? 0)) };
}

/** The last bound is doubled until it is enough. */
function upTo(bounds: readonly number[], limitMs: number): readonly number[] {
  const all = [...bounds];
  for (let last = all.at(-1) ?? 1; 1000 * last < limitMs; ) all.push((last *= 2));
  return all;
}
