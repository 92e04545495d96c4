import { parentPort, workerData } from "node:worker_threads";
import type { PlanProblem } from "../planner/plan-problem.ts";
import { PlanRoutings } from "../planner/plan-routing.ts";
import { runTrial } from "../planner/trials.ts";
import type { ThreadJob } from "./trial-threads.ts";

const port = parentPort;
if (port === null) throw new Error("trial-worker runs as a worker thread only");
const problem = workerData as PlanProblem;
const routings = new PlanRoutings(problem);

/** What fails here ends the thread: its other end learns of it. */
port.on("message", ({ type, layout, ...job }: ThreadJob) => {
  const steps = runTrial(problem, routings, { ...job, layout: { ...layout, type: problem.types[type] } });
  for (;;) {
    const next = steps.next();
    if (next.done === true) return port.postMessage(next.value);
  }
});
