import { type SimulatedPoolParts, simulatedPool } from "../src/engines/simulated/simulated-pool.ts";
import type { RoutingSnapshot } from "../src/model/snapshot.ts";
import type { EngineRequest } from "../src/serving/engine.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../harness/small-model.ts";
import { smallPlan } from "./small-plan.ts";

export const firstSnapshot: RoutingSnapshot = {
  pool: "sim",
  model: SMALL_MODEL.name,
  epoch: 1,
  change: { kind: "placement", reason: "test", atMs: 0, movedSlots: 0, movedBytes: 0 },
  ...smallPlan(),
  missing: [],
};

/** A small simulated pool, in its thread, that has no snapshot yet. */
export function waitingPool(model = SMALL_MODEL): SimulatedPoolParts {
  return simulatedPool({
    pool: "sim",
    model,
    topology: SMALL_TOPOLOGY,
    seed: 1,
    routing: null,
    dispatch: "priced",
    fidelity: "exact",
    gpu: null,
    recordTokens: 10_000,
    beside: null,
    wallClock: () => 1_700_000_000_500,
  });
}

export function servingPool(model = SMALL_MODEL): SimulatedPoolParts {
  const parts = waitingPool(model);
  parts.plane.commit(firstSnapshot);
  return parts;
}

export function post(path: string, body: unknown): EngineRequest {
  return {
    method: "POST",
    path,
    headers: [],
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  };
}

/** A chat of five words. */
export function chat(fields: object): EngineRequest {
  const messages = [{ role: "user", content: "How deep does she lie?" }];
  return post("/v1/chat/completions", { model: "small", messages, ...fields });
}
