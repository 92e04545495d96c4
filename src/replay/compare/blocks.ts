import type { Rng } from "../../lib/rng.ts";

/** Fewer blocks say little of how blocks vary. */
const LEAST_BLOCKS = 10;

/**
 * How many requests in a row are drawn together: those that are in flight at one time slow each other down, so that a
 * request alone tells less than it seems. At least the square root of them all: the cube root, as it is usual for series
 * whose dependence is weak, gives intervals that are too narrow for queues.
 */
export function blockLength(count: number, meanInFlight: number): number {
  return Math.max(1, Math.min(wantedLength(count, meanInFlight), Math.floor(count / LEAST_BLOCKS)));
}

/** Whether blocks had to be shorter than what is in flight together. */
export function isShort(count: number, meanInFlight: number): boolean {
  return wantedLength(count, meanInFlight) > count / LEAST_BLOCKS;
}

function wantedLength(count: number, meanInFlight: number): number {
  return Math.max(Math.ceil(Math.sqrt(count)), Math.ceil(2 * meanInFlight));
}

/**
 * Draws as many requests as there are, in blocks that may begin anywhere and go on at the first after the last.
 * @param drawn how often each was; is overwritten
 */
export function drawBlocks(drawn: Uint32Array, length: number, rng: Rng): void {
  const count = drawn.length;
  drawn.fill(0);
  for (let left = count; left > 0; left -= length) {
    const start = rng.below(count);
    const end = start + Math.min(left, length);
    for (let i = start; i < end; i++) drawn[i < count ? i : i - count]++;
  }
}
