import { deserialize } from "node:v8";
import { answerBodies } from "../../control/solve/answering-thread.ts";
import { WhatIfThread } from "./what-if-thread.ts";
import type { WhatIfJob } from "./what-if-job.ts";

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

// The job is the gateway's own: what clients sent of it was read before.
answerBodies("what-if-worker", async ({ body }) =>
  JSON.stringify(await thread.answer(deserialize(body) as WhatIfJob)),
);
