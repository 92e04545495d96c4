import { parentPort, workerData } from "node:worker_threads";
import { LocalPlanner } from "./local-planner.ts";
import type { PlannerThreadData, ToPlanner } from "./planner-protocol.ts";

const port = parentPort;
if (port === null) throw new Error("planner-worker runs as a worker thread only");
const { options, startMs, current } = workerData as PlannerThreadData;
const planner = new LocalPlanner(options, startMs);
if (current !== null) planner.accept(current);

/** What fails here ends the thread: its other end learns of it and starts a new one. */
async function receive(message: ToPlanner): Promise<void> {
  switch (message.kind) {
    case "ask": {
      const ask = planner[message.question] as (...about: readonly unknown[]) => Promise<unknown>;
      return port?.postMessage(await ask.apply(planner, [...message.about]));
    }
    case "learn":
      return planner.learn(message.load);
    case "accept":
      return planner.accept(message.plan);
  }
}

port.on("message", (message: ToPlanner) => void receive(message));
