import { parentPort, workerData } from "node:worker_threads";
import { InputError } from "../../lib/errors.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { solveBody } from "./solve-request.ts";

/** What a body is answered with. */
export type Solved =
  /** At first. */
  | { readonly kind: "begun" }
  | { readonly kind: "file"; readonly file: Uint8Array<ArrayBuffer> }
  | { readonly kind: "refused"; readonly why: string };

const port = parentPort;
if (port === null) throw new Error("solver-worker runs as a worker thread only");
const models = workerData as readonly MoeModel[];

/** What else fails ends the thread: its other end hears of it and starts a new one. */
function solve(body: Uint8Array): Solved {
  try {
    return { kind: "file", file: new TextEncoder().encode(solveBody(body, models)) };
  } catch (error) {
    if (error instanceof InputError) return { kind: "refused", why: error.message };
    throw error;
  }
}

port.on("message", (body: Uint8Array) => {
  port.postMessage({ kind: "begun" } satisfies Solved);
  const solved = solve(body);
  port.postMessage(solved, solved.kind === "file" ? [solved.file.buffer] : []);
});
