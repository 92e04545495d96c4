import { GCProfiler } from "node:v8";

/**
 * Bytes that a call leaves to the garbage collector once warm, on the heap and in array buffers: what three times as
 * many calls leave more, so that measuring itself counts nothing. The least of several trials, since compilers work
 * beside them; null where every one was hidden by a collection.
 */
export function allocatedPerCall(run: () => void, calls: number, trials: number): number | null {
  let least: number | null = null;
  for (let trial = 0; trial < trials; trial++) {
    const few = allocated(run, calls);
    const many = allocated(run, 3 * calls);
    if (few === null || many === null) continue;
    const perCall = Math.max(0, many - few) / (2 * calls);
    least = Math.min(least ?? perCall, perCall);
  }
  return least;
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
