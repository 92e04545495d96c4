import { answerBodies } from "./answering-thread.ts";
import { solveBody } from "./solve-request.ts";

answerBodies("solver-worker", ({ body, models }) => solveBody(body, models));
