import { parentPort, workerData } from "node:worker_threads";
import type { PlanProblem } from "../planner/plan-problem.ts";
import { runTrial } from "../planner/trials.ts";
import { routingOf } from "./routing-of.ts";
import type { ThreadJob } from "./trial-threads.ts";

const port = parentPort;
if (port === null) throw new Error("trial-worker runs as a worker thread only");
const problem = workerData as PlanProblem;
const routing = routingOf(problem);

/** What fails here ends the thread: its other end learns of it. */
port.on("message", ({ type, layout, ...job }: ThreadJob) => {
  const steps = runTrial(problem, routing, { ...job, layout: { ...layout, type: problem.types[type] } });
  for (;;) {
    const next = steps.next();
    if (next.done === true) return port.postMessage(next.value);
  }
});
