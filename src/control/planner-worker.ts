import { parentPort, workerData } from "node:worker_threads";
import type { Plan } from "../core/planning/balancer.ts";
import { LocalPlanner } from "./local-planner.ts";
import type { PlannerAnswers, PlannerThreadData, ToPlanner } from "./planner-protocol.ts";

const port = parentPort;
if (port === null) throw new Error("planner-worker runs as a worker thread only");
const { options, startMs, current } = workerData as PlannerThreadData;
const planner = new LocalPlanner(options, startMs);
if (current !== null) planner.accept(current);
let handedOver: Plan;
const answer = (value: PlannerAnswers[keyof PlannerAnswers]) => port.postMessage(value);

/** What fails here ends the thread: its other end hears of it and starts a new one. */
async function receive(message: ToPlanner): Promise<void> {
  switch (message.kind) {
    case "current":
      handedOver = await planner.current();
      return answer(handedOver);
    case "plan": {
      const outlook = await planner.plan(message.round);
      handedOver = outlook.decision?.plan ?? handedOver;
      return answer(outlook);
    }
    case "accept":
      return planner.accept(message.plan ?? handedOver);
  }
}

port.on("message", (message: ToPlanner) => void receive(message));
