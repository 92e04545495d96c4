import { Worker } from "node:worker_threads";
import { ALL_PARSERS } from "../../harness/fuzz/all-parsers.ts";
import type { FoundFault } from "../../harness/fuzz/parser-fuzz.ts";
import type { FuzzJob, FuzzReport } from "./fuzz-thread.ts";
import { SharedInput } from "./shared-input.ts";

const LOOK_MS = 250;
const MIB = 2 ** 20;
/** A thread that needs more is at fault. */
const LIMITS = { maxOldGenerationSizeMb: 1024 };
/** More memory than before, bytes outside the heap included. */
const MOST_MORE_BYTES = 1024 * MIB;

/** How a run ended: all inputs read, or the input that it did not get over. */
export interface FuzzEnd {
  readonly fault: FoundFault | null;
}

/**
 * Fuzzes in a thread, and watches it from outside: an input that is never done with, or that takes all memory, is named.
 * @param hangMs how long a single input may take
 */
export function watchedFuzz(
  job: Omit<FuzzJob, "memory">,
  hangMs: number,
  onReport: (report: FuzzReport) => void,
): Promise<FuzzEnd> {
  const shared = new SharedInput();
  const data: FuzzJob = { ...job, memory: shared.memory };
  const worker = new Worker(new URL("./fuzz-thread.ts", import.meta.url), {
    workerData: data,
    resourceLimits: LIMITS,
  });
  const { promise, resolve, reject } = Promise.withResolvers<FuzzEnd>();
  const stuck = (words: string) => {
    resolve({ fault: { parser: ALL_PARSERS[shared.parser].name, input: shared.input, words } });
    void worker.terminate();
  };
  let number = -1;
  let sinceMs = performance.now();
  let leastBytes = Number.POSITIVE_INFINITY;
  const looking = setInterval(() => {
    const now = performance.now();
    const rss = process.memoryUsage.rss();
    // Garbage is collected late where nothing else happens: what counts is a single input.
    if (shared.number === number) {
      if (now - sinceMs > hangMs) stuck(`is not done after ${((now - sinceMs) / 1000).toFixed(0)} s`);
      else if (rss > leastBytes + MOST_MORE_BYTES)
        stuck(`takes ${((rss - leastBytes) / MIB).toFixed(0)} MiB`);
      return;
    }
    number = shared.number;
    sinceMs = now;
    leastBytes = rss;
  }, LOOK_MS);
  worker.on("message", (report: FuzzReport) => {
    sinceMs = performance.now();
    onReport(report);
  });
  worker.on("error", (error: Error & { readonly code?: string }) => {
    if (error.code === "ERR_WORKER_OUT_OF_MEMORY") stuck("takes all memory");
    else reject(error);
  });
  worker.on("exit", () => resolve({ fault: null }));
  return promise.finally(() => clearInterval(looking));
}
