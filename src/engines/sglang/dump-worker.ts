import { parentPort } from "node:worker_threads";
import { readRegularFile } from "../../files/read-regular-file.ts";
import { readSglangRecorder } from "../../formats/sglang-recorder.ts";
import { InputError } from "../../lib/errors.ts";
import type { ExpertLoad } from "../../model/load.ts";

/** What a path is answered with. */
export type DumpAnswer =
  | { readonly kind: "load"; readonly load: ExpertLoad }
  | { readonly kind: "refused"; readonly why: string };

/**
 * A dump grows with `--expert-distribution-recorder-buffer-size`: its default, 1000 steps, makes 64 MB for DeepSeek-V3
 * and 94 MB for Kimi K2, twice that in 64-bit counts.
 */
const MOST_BYTES = 256 << 20;
const SMALLER = "start the servers with a smaller --expert-distribution-recorder-buffer-size";

const port = parentPort;
if (port === null) throw new Error("dump-worker runs as a worker thread only");

/** What else fails ends the thread: its other end hears of it. */
async function answer(path: string): Promise<DumpAnswer> {
  try {
    const rules = { mostBytes: MOST_BYTES, smaller: SMALLER, followLinks: false };
    return { kind: "load", load: readSglangRecorder(await readRegularFile(path, rules), path) };
  } catch (error) {
    if (error instanceof InputError) return { kind: "refused", why: error.message };
    throw error;
  }
}

async function read(path: string): Promise<void> {
  port?.postMessage(await answer(path));
}

port.on("message", (path: string) => void read(path));
