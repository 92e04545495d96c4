import { parentPort } from "node:worker_threads";
import type { Solved, ToSolve } from "../control/solve/solved.ts";
import { InputError } from "../lib/errors.ts";
import { planBody } from "./plan-request.ts";

const port = parentPort;
if (port === null) throw new Error("plan-worker runs as a worker thread only");

async function solve(body: Uint8Array): Promise<Solved> {
  try {
    return { kind: "file", file: new TextEncoder().encode(JSON.stringify(await planBody(body))) };
  } catch (error) {
    if (error instanceof InputError) return { kind: "refused", why: error.message };
    throw error;
  }
}

/** What else fails ends the thread: its other end learns of it and starts a new one. */
port.on("message", ({ body }: ToSolve) => {
  port.postMessage({ kind: "begun" } satisfies Solved);
  void solve(body).then((solved) =>
    port.postMessage(solved, solved.kind === "file" ? [solved.file.buffer] : []),
  );
});
