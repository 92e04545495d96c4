import { parentPort } from "node:worker_threads";
import { InputError } from "../../lib/errors.ts";
import { solveBody } from "./solve-request.ts";
import type { Solved, ToSolve } from "./solved.ts";

const port = parentPort;
if (port === null) throw new Error("solver-worker runs as a worker thread only");

/** What else fails ends the thread: its other end learns of it and starts a new one. */
function solve({ body, models }: ToSolve): Solved {
  try {
    return { kind: "file", file: new TextEncoder().encode(solveBody(body, models)) };
  } catch (error) {
    if (error instanceof InputError) return { kind: "refused", why: error.message };
    throw error;
  }
}

port.on("message", (toSolve: ToSolve) => {
  port.postMessage({ kind: "begun" } satisfies Solved);
  const solved = solve(toSolve);
  port.postMessage(solved, solved.kind === "file" ? [solved.file.buffer] : []);
});
