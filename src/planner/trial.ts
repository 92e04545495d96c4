import type { SampleSummary } from "../lib/sample.ts";
import { BALANCE_POLICIES } from "../core/planning/balance-policy.ts";
import type { BatchedEngine } from "../model/batched-engine.ts";
import type { FittedEngine } from "../model/fitted-engine.ts";
import type { RequestRecord, RunObserver, StepSpan } from "../twin/run/run-log.ts";
import { virtualRun } from "../twin/run/virtual-run.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { BATCHING } from "../twin/pool/batching.ts";
import { StepRecorder } from "../twin/step-recorder.ts";
import { drawRequests } from "./demand.ts";
import { type Layout, engineShape, expertUnits } from "./layout.ts";
import { openConstants } from "./open-times.ts";
import { settledPlanOf } from "./settled-plans.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { PERCENTILES } from "./service-target.ts";

/** What is kept in hand of a target: a percentile of a few hundred requests is uncertain. */
const PART_ASKED = 0.97;
/** Of a run that begins with nothing known, in ms: it has a placement for its load soon. */
export const CADENCE_AT_FIRST = { sharesMs: 5000, placementMs: 30_000 };
/** Of a unit in its stride, as in production: shares in seconds, placements in minutes. */
const CADENCE = { sharesMs: 5000, placementMs: 300_000 };
/** Requests that a rank runs at most: what a plan sets an engine to is found by that. */
const RUNNING = 1024;

/**
 * What the twin made of a unit at a rate. Latencies as a client sees them, in milliseconds, the first two at the target's
 * percentiles; null where nothing came to it.
 */
export interface Trial {
  readonly rate: number;
  readonly seed: number;
  /** Requests that count. */
  readonly requests: number;
  readonly keeps: boolean;
  readonly ttftMs: number | null;
  readonly itlMs: number | null;
  readonly tpotMs: number | null;
  readonly e2eMs: number | null;
  /** Of requests, those that kept both times, the mean between their tokens for the second. */
  readonly attainment: number;
  /** Requests that a rank ran, at most. */
  readonly running: number;
  readonly balancedness: number | null;
}

export interface TrialOptions {
  readonly rate: number;
  readonly seed: number;
  /** Requests that count. */
  readonly requests: number;
  /** Mean time between tokens that is expected, for the time until the unit is in its stride. */
  readonly tpotMs: number;
  readonly routing: () => RoutingSource;
  /** Goes on to the end, though the target is lost. */
  readonly whole?: boolean | undefined;
}

/** Requests' seconds before the unit is in its stride: an answer's time, a bit more. */
export function warmSeconds({ demand, target }: PlanProblem, tpotMs: number): number {
  return (1.25 * demand.answer * tpotMs + target.ttftMs) / 1000;
}

/** Whose way of filling steps the twin has: TensorRT-LLM's is vLLM's, answers and prompts beside them, and so is that of no engine in particular. */
export function batchedAs(engine: FittedEngine | null): BatchedEngine {
  return engine === "sglang" ? "sglang" : "vllm";
}

/** The twin on a unit: yields the part that is done, 0..1. Ends early once the target is surely lost. */
export function* trial(
  layout: Layout,
  problem: PlanProblem,
  options: TrialOptions,
): Generator<number, Trial> {
  const { demand, model } = problem;
  const { rate, seed, requests: wanted, tpotMs, routing } = options;
  const { target } = problem;
  const asked = { ttftMs: PART_ASKED * target.ttftMs, itlMs: PART_ASKED * target.itlMs };
  const { type, decode, prefill, redundantSlots, stepTokens } = layout;
  const beforeMs = 1000 * openConstants(layout, problem).first;
  const warmMs = 1000 * warmSeconds(problem, tpotMs);
  const traffic = drawRequests(demand, rate, warmMs / 1000 + wanted / rate, seed);
  const fromMs = Math.min(warmMs, (traffic.at(-1)?.arrivalMs ?? 0) / 2);
  const counted = traffic.filter(({ arrivalMs }) => arrivalMs >= fromMs);
  const watch = new Watch({
    ttftMs: asked.ttftMs - beforeMs,
    itlMs: asked.itlMs,
    fromMs,
    mostLate: Math.floor((1 - target.ttftPercentile / 100) * counted.length) + 1,
  });
  const policy = redundantSlots === 0 ? BALANCE_POLICIES.none : BALANCE_POLICIES.plimsoll;
  const engine = { shape: engineShape(decode), overlaps: type.overlaps };
  const poolOf = (shape: typeof decode, assignment: "least-in-flight" | "prefill" | "decode") => {
    const topology = expertUnits(shape, model.experts, redundantSlots, type.gpu);
    const { hardware } = type;
    const pool = { model, topology, hardware, engine, policy, cadence: CADENCE, seed: problem.seed };
    const begins = policy.placement === "contiguous" ? undefined : settledPlanOf(routing, pool);
    return { topology, hardware, assignment, begins };
  };
  const own = prefill === null ? poolOf(decode, "least-in-flight") : poolOf(prefill, "prefill");
  const run = virtualRun({
    ...own,
    model,
    decode: prefill === null ? null : poolOf(decode, "decode"),
    routing: routing(),
    traffic,
    durationMs: Math.max(1, traffic.at(-1)?.arrivalMs ?? 1),
    cadence: CADENCE,
    seed,
    recorder: new StepRecorder(0),
    fidelity: "analytic",
    policy,
    batching: { ...BATCHING[batchedAs(problem.engine)], stepTokens, runningPerRank: RUNNING },
    engine,
    observer: watch,
    measuredFromMs: fromMs,
  });
  let next = run.next();
  while (next.done !== true && (options.whole === true || !watch.lost)) {
    yield next.value;
    next = run.next();
  }
  if (next.done !== true) {
    return { ...NOTHING, rate, seed, requests: counted.length, running: watch.running };
  }
  const { tpotMs: perRequest, e2eMs, refused, failed, balancedness } = next.value;
  const inPool = at(next.value.ttftMs, target.ttftPercentile);
  const ttftMs = inPool === null ? null : inPool + beforeMs;
  const itlMs = at(next.value.itlMs, target.itlPercentile);
  return {
    rate,
    seed,
    requests: counted.length,
    keeps: refused + failed === 0 && ttftMs !== null && ttftMs <= asked.ttftMs && (itlMs ?? 0) <= asked.itlMs,
    ttftMs,
    itlMs,
    tpotMs: perRequest?.mean ?? null,
    e2eMs: e2eMs === null ? null : e2eMs.mean + beforeMs,
    attainment: counted.length === 0 ? 0 : watch.good / counted.length,
    running: watch.running,
    balancedness,
  };
}

const NOTHING = {
  keeps: false,
  ttftMs: null,
  itlMs: null,
  tpotMs: null,
  e2eMs: null,
  attainment: 0,
  balancedness: null,
};

interface Watched {
  readonly ttftMs: number;
  readonly itlMs: number;
  readonly fromMs: number;
  /** With more late first tokens the target is lost. */
  readonly mostLate: number;
}

/** A percentile of those that are known. */
function at(summary: SampleSummary | null, percentile: number): number | null {
  if (summary === null) return null;
  const known = { 50: summary.p50, 90: summary.p90, 95: summary.p95, 99: summary.p99 }[percentile];
  if (known === undefined)
    throw new Error(`no percentile ${percentile}; expected one of ${PERCENTILES.join(", ")}`);
  return known;
}

/** Counts what a run comes to, and when it can no longer keep its target. */
class Watch implements RunObserver {
  readonly #limits: Watched;
  good = 0;
  late = 0;
  running = 0;

  constructor(limits: Watched) {
    this.#limits = limits;
  }

  get lost(): boolean {
    return this.late > this.#limits.mostLate;
  }

  request({ arrivalMs, firstTokenMs, endMs, outputTokens, outcome }: RequestRecord): void {
    const { ttftMs, itlMs, fromMs } = this.#limits;
    if (arrivalMs < fromMs) return;
    const tpot = firstTokenMs === null || outputTokens < 2 ? 0 : (endMs - firstTokenMs) / (outputTokens - 1);
    const early = outcome === "completed" && firstTokenMs !== null && firstTokenMs - arrivalMs <= ttftMs;
    if (!early) this.late++;
    else if (tpot <= itlMs) this.good++;
  }

  step({ decoding }: StepSpan): void {
    this.running = Math.max(this.running, decoding);
  }

  window(): void {}

  event(): void {}
}
