import { deserialize } from "node:v8";
import { parentPort } from "node:worker_threads";
import type { Solved, ToSolve } from "../../control/solve/solved.ts";
import { InputError } from "../../lib/errors.ts";
import { WhatIfThread } from "./what-if-thread.ts";
import type { WhatIfJob } from "./what-if-job.ts";

const port = parentPort;
if (port === null) throw new Error("what-if-worker runs as a worker thread only");
/** A question has so much of a processor; and on a busy machine, less than the solver gives it while others wait. */
const [CPU_MS, WALL_MS] = [10_000, 18_000];
const thread = new WhatIfThread(() => {
  const before = process.threadCpuUsage();
  const endMs = performance.now() + WALL_MS;
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000 >= CPU_MS || performance.now() >= endMs;
  };
});

/** The job is the gateway's own: what clients sent of it was read before. */
async function solve(body: Uint8Array): Promise<Solved> {
  try {
    const answer = await thread.answer(deserialize(body) as WhatIfJob);
    return { kind: "file", file: new TextEncoder().encode(JSON.stringify(answer)) };
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
