import type { TraceRequest } from "../model/traffic.ts";
import type { RequestRecord } from "../twin/run/run-log.ts";
import { type Demand, drawRequests } from "./demand.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { UserLoop } from "./user-loop.ts";

/** What comes to a unit in a run. */
export interface UnitTraffic {
  readonly requests: readonly TraceRequest[];
  /** What comes once a request is over; null where nothing follows from that. */
  readonly again: ((over: RequestRecord) => TraceRequest) | null;
  readonly durationMs: number;
  /** Requests that come sooner do not count: the unit is not in its stride. */
  readonly fromMs: number;
  /** Requests that count; null where that depends on how soon users are answered. */
  readonly counted: number | null;
}

export interface TrafficOptions {
  /** Of the unit: requests per second, or users, as `Demand` has them. */
  readonly rate: number;
  readonly seed: number;
  /** Requests that count. */
  readonly requests: number;
  /** Mean time between tokens that is expected. */
  readonly tpotMs: number;
  /** Of a request, outside the pool. */
  readonly beforeMs: number;
}

/** Requests' seconds before the unit is in its stride: an answer's time, a bit more. */
export function warmSeconds({ demand, target }: PlanProblem, tpotMs: number): number {
  return (1.25 * demand.answer * tpotMs + target.ttftMs) / 1000;
}

export function unitTraffic(problem: PlanProblem, options: TrafficOptions): UnitTraffic {
  const { demand } = problem;
  const { rate, seed, requests: wanted, tpotMs } = options;
  const warmMs = 1000 * warmSeconds(problem, tpotMs);
  const { arrivals } = demand;
  if (arrivals.kind === "users") return userTraffic(problem, options, arrivals, warmMs);
  const requests = drawRequests(demand, rate, warmMs / 1000 + wanted / rate, seed);
  const lastMs = requests.at(-1)?.arrivalMs ?? 0;
  const fromMs = Math.min(warmMs, lastMs / 2);
  const counted = requests.filter(({ arrivalMs }) => arrivalMs >= fromMs).length;
  return { requests, again: null, durationMs: Math.max(1, lastMs), fromMs, counted };
}

/** Users go on asking until the run is cut: were they to stop, those that are answered last would have it for themselves. */
function userTraffic(
  { demand, target }: PlanProblem,
  { rate: users, seed, requests: wanted, tpotMs, beforeMs }: TrafficOptions,
  arrivals: Extract<Demand["arrivals"], { kind: "users" }>,
  warmMs: number,
): UnitTraffic {
  const { thinkMs } = arrivals;
  const answerMs = target.ttftMs + demand.answer * tpotMs;
  const loop = new UserLoop(demand, arrivals, users, seed);
  return {
    requests: loop.begin(answerMs),
    again: ({ endMs }) => loop.again(endMs + beforeMs),
    durationMs: warmMs + (Math.max(wanted, users) * (thinkMs + answerMs)) / users,
    fromMs: warmMs,
    counted: null,
  };
}
