import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FileToRead } from "./file-reader-worker.ts";

/** As a gateway's reader of dumps has it. */
const LIMITS = { maxOldGenerationSizeMb: 512 };
const LONGEST_MS = 25_000;

let worker: Worker | null = null;

export async function endReading(): Promise<void> {
  await worker?.terminate();
  worker = null;
}

/**
 * Reads a file in a thread, so that one which should be refused, and is not, costs no more than a test.
 * @returns "read", or the refusal
 */
export async function readApart(file: FileToRead): Promise<string> {
  worker ??= new Worker(new URL("./file-reader-worker.ts", import.meta.url), { resourceLimits: LIMITS });
  try {
    worker.postMessage(file);
    const [outcome] = (await once(worker, "message", { signal: AbortSignal.timeout(LONGEST_MS) })) as [
      string,
    ];
    return outcome;
  } catch (cause) {
    await endReading();
    throw cause;
  }
}
