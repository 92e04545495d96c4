import { answerBodies } from "../control/solve/answering-thread.ts";
import { planBody } from "./plan-request.ts";

answerBodies("plan-worker", async ({ body }) => JSON.stringify(await planBody(body)));
