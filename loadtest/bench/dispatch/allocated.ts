import { GCProfiler } from "node:v8";

/**
 * Bytes that a call leaves to the garbage collector once warm, on the heap and in array buffers: what three times as
 * many calls leave more, so that measuring itself counts nothing. Medians of several trials, since compilers and
 * sweepers work beside them; null where a collection hid every one.
 */
export function allocatedPerCall(run: () => void, calls: number, trials: number): number | null {
  const few: number[] = [];
  const many: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    for (const [left, count] of [
      [few, calls],
      [many, 3 * calls],
    ] as const) {
      const bytes = allocated(run, count);
      if (bytes !== null) left.push(bytes);
    }
  }
  if (few.length === 0 || many.length === 0) return null;
  return Math.max(0, median(many) - median(few)) / (2 * calls);
}

/** Null where a collection took some of it back. */
function allocated(run: () => void, calls: number): number | null {
  const collections = new GCProfiler();
  collections.start();
  const before = process.memoryUsage();
  for (let call = 0; call < calls; call++) run();
  const after = process.memoryUsage();
  if (collections.stop().statistics.length > 0) return null;
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
