import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { InputError } from "../lib/errors.ts";
import {
  LEAST_TRAFFIC,
  MOST_SLOWNESS,
  type OwnTraffic,
  type Simulation,
  type SimulationChange,
  type SimulationState,
  type SlowRank,
  TRACE_SPEEDS,
  whyNotPlayed,
} from "../model/simulation.ts";
import { HttpError } from "./errors.ts";
import { type PoolRoute, poolNamed, record } from "./pool-routes.ts";

const CHANGES = [
  "traffic",
  "pause",
  "again",
  "speed",
  "jump",
  "shift",
  "lose",
  "restore",
  "stop",
  "slow",
] as const;

/** What happens to a simulated pool: what it is now, and a change of it, one at a time. */
export function simulationRoutes(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  app.get<PoolRoute>("/admin/pools/:pool/simulation", async ({ params }) => {
    const { loop, simulation } = simulatedPool(pools, params.pool);
    return { pool: loop.pool, ...simulation.state };
  });

  app.post<PoolRoute>("/admin/pools/:pool/simulation", async ({ params, body }) => {
    const { loop, simulation } = simulatedPool(pools, params.pool);
    const change = changeOf(record(body), simulation, loop.ranks);
    const why = whyNotPlayed(change, simulation.state.traffic);
    if (why !== null) throw new InputError("body", change.kind, `cannot be: ${why}`);
    simulation.change(change);
    return { pool: loop.pool, ...simulation.state };
  });
}

function simulatedPool(pools: readonly ControlledPool[], name: string) {
  const { loop, simulation } = poolNamed(pools, name);
  if (simulation === null)
    throw new HttpError("not_simulated", `The servers of pool ${JSON.stringify(name)} are not simulated.`);
  return { loop, simulation };
}

/** @throws InputError, or HttpError where the pool has no such traffic */
function changeOf(body: Record<string, unknown>, { state }: Simulation, ranks: number): SimulationChange {
  const [kind, ...others] = Object.keys(body);
  const change = CHANGES.find((one) => one === kind);
  if (change === undefined || others.length > 0)
    throw new InputError("body", "", `names ${named(body)}; expected one of ${CHANGES.join(", ")}`);
  switch (change) {
    case "shift":
      onlyTrue("shift", body["shift"]);
      return { kind: "shift" };
    case "traffic":
      return { kind: "traffic", factor: factorOf(body["traffic"], played(state).most) };
    case "pause":
      played(state);
      return { kind: flagOf("pause", body["pause"]) ? "pause" : "go-on" };
    case "again":
      played(state);
      onlyTrue("again", body["again"]);
      return { kind: "again" };
    case "speed":
      played(state);
      return { kind: "speed", speed: speedOf(body["speed"]) };
    case "jump":
      return { kind: "jump", atMs: timeOf(body["jump"], played(state)) };
    case "slow":
      return { kind: "slow", ...slowRankOf(body["slow"], ranks) };
    case "stop":
    case "lose":
    case "restore":
      return { kind: change, rank: rankOf(change, body[change], ranks) };
  }
}

function played({ traffic }: SimulationState): OwnTraffic {
  if (traffic !== null) return traffic;
  throw new HttpError("not_simulated", "This gateway makes no traffic for the pool; the demo does.");
}

function onlyTrue(field: string, value: unknown): void {
  if (value !== true) throw new InputError("body", field, `is ${JSON.stringify(value)}; expected true`);
}

function flagOf(field: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new InputError("body", field, `is ${JSON.stringify(value)}; expected true or false`);
}

function speedOf(value: unknown): number {
  if (typeof value === "number" && TRACE_SPEEDS.includes(value)) return value;
  throw new InputError(
    "body",
    "speed",
    `is ${JSON.stringify(value)}; expected one of ${TRACE_SPEEDS.join(", ")}`,
  );
}

function timeOf(value: unknown, { trace }: OwnTraffic): number {
  const most = trace?.lengthMs ?? Number.POSITIVE_INFINITY;
  if (typeof value === "number" && value >= 0 && value <= most) return value;
  const expected = trace === null ? "a time of a trace" : `0..${most}, ms of the trace`;
  throw new InputError("body", "jump", `is ${JSON.stringify(value)}; expected ${expected}`);
}

function factorOf(value: unknown, most: number): number {
  if (typeof value === "number" && value >= LEAST_TRAFFIC && value <= most) return value;
  const expected = `expected a number in ${LEAST_TRAFFIC}..${most}, in parts of what the traffic began with`;
  throw new InputError("body", "traffic", `is ${JSON.stringify(value)}; ${expected}`);
}

function slowRankOf(value: unknown, ranks: number): SlowRank {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const { factor } = given;
  if (typeof factor !== "number" || !Number.isInteger(factor) || factor < 1 || factor > MOST_SLOWNESS)
    throw new InputError(
      "body",
      "slow",
      `is ${JSON.stringify(value)}; expected {"rank": 3, "factor": 4}, the factor whole and in 1..${MOST_SLOWNESS}`,
    );
  return { rank: rankOf("slow.rank", given["rank"], ranks), factor };
}

function rankOf(field: string, value: unknown, ranks: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < ranks) return value;
  throw new InputError("body", field, `is ${JSON.stringify(value)}; expected a rank in 0..${ranks - 1}`);
}

function named(body: Record<string, unknown>): string {
  const names = Object.keys(body).slice(0, CHANGES.length + 1);
  return names.length === 0 ? "nothing" : names.map((name) => JSON.stringify(name)).join(", ");
}
