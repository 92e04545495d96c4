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
  /** Requests that count, or a few more. */
  readonly counted: number;
  counts(arrivalMs: number): boolean;
  /** Whether all that count are over, and the run with them; null where it goes on to its end. */
  readonly enough: (() => boolean) | null;
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

/** Requests for one unit, and which of them count: those after its first seconds. */
export function unitTraffic(problem: PlanProblem, options: TrafficOptions): UnitTraffic {
  const { demand } = problem;
  const { rate, seed, requests: wanted, tpotMs } = options;
  const warmMs = 1000 * warmSeconds(problem, tpotMs);
  const { arrivals } = demand;
  if (arrivals.kind === "users") return userTraffic(problem, options, arrivals, warmMs);
  const requests = drawRequests(demand, rate, warmMs / 1000 + wanted / rate, seed);
  const lastMs = requests.at(-1)?.arrivalMs ?? 0;
  const fromMs = Math.min(warmMs, lastMs / 2);
  const counts = (arrivalMs: number) => arrivalMs >= fromMs;
  const durationMs = Math.max(1, lastMs);
  return {
    requests,
    again: null,
    durationMs,
    fromMs,
    counts,
    counted: requests.filter(({ arrivalMs }) => counts(arrivalMs)).length,
    enough: null,
  };
}

/** A run of users takes so many times as long as is expected at most. */
const MOST_LONGER = 20;

function userTraffic(
  { demand, target }: PlanProblem,
  { rate: users, seed, requests: wanted, tpotMs, beforeMs }: TrafficOptions,
  arrivals: Extract<Demand["arrivals"], { kind: "users" }>,
  warmMs: number,
): UnitTraffic {
  const answerMs = target.ttftMs + demand.answer * tpotMs;
  const loop = new UserLoop(demand, arrivals, users, seed);
  const counted = Math.max(wanted, users);
  const counter = new ArrivalCounter(warmMs, counted);
  const requests = loop.begin(answerMs);
  for (const { arrivalMs } of requests) counter.comes(arrivalMs);
  const expectedMs = warmMs + (counted / users + 1) * (arrivals.thinkMs + answerMs);
  return {
    requests,
    again({ arrivalMs, endMs }) {
      counter.over(arrivalMs);
      const next = loop.again(endMs + beforeMs);
      counter.comes(next.arrivalMs);
      return next;
    },
    durationMs: MOST_LONGER * expectedMs,
    fromMs: warmMs,
    counted,
    counts: (arrivalMs) => counter.counts(arrivalMs),
    enough: () => counter.enough,
  };
}

/**
 * Of the requests of users those that count: from a time on, so many. Users go on asking until all of these are over: were
 * they to stop, those that are answered last would have the unit for themselves.
 */
class ArrivalCounter {
  readonly #fromMs: number;
  readonly #wanted: number;
  #untilMs = Number.POSITIVE_INFINITY;
  #come = 0;
  #over = 0;

  constructor(fromMs: number, wanted: number) {
    this.#fromMs = fromMs;
    this.#wanted = wanted;
  }

  get enough(): boolean {
    return this.#come >= this.#wanted && this.#over === this.#come;
  }

  counts(arrivalMs: number): boolean {
    return arrivalMs >= this.#fromMs && arrivalMs <= this.#untilMs;
  }

  comes(arrivalMs: number): void {
    if (!this.counts(arrivalMs)) return;
    this.#come++;
    if (this.#come === this.#wanted) this.#untilMs = arrivalMs;
  }

  over(arrivalMs: number): void {
    if (this.counts(arrivalMs)) this.#over++;
  }
}
