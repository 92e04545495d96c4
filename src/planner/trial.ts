import type { SampleSummary } from "../lib/sample.ts";
import { BALANCE_POLICIES } from "../core/planning/balance-policy.ts";
import type { RequestRecord, RunObserver, StepSpan } from "../twin/run/run-log.ts";
import { type VirtualRunResult, virtualRun } from "../twin/run/virtual-run.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { StepRecorder } from "../twin/step-recorder.ts";
import { batchingOf } from "./engine-batching.ts";
import { type Layout, engineShape, redundantExperts, unitTopology } from "./layout.ts";
import { openConstants } from "./open-times.ts";
import { settledPlanOf } from "./settled-plans.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { PERCENTILES } from "./service-target.ts";
import { unitTraffic } from "./unit-traffic.ts";

/** What is kept in hand of a target: a percentile of a few hundred requests is uncertain. */
const PART_ASKED = 0.97;
/** Of a run that begins with nothing known, in ms: it has a placement for its load soon. */
export const CADENCE_AT_FIRST = { sharesMs: 5000, placementMs: 30_000 };
/** Of a unit in its stride, as in production: shares in seconds, placements in minutes. */
const CADENCE = { sharesMs: 5000, placementMs: 300_000 };

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

/** Experts follow the load where there are replicas. */
export function balancedBy(layout: Layout, experts: number): "plimsoll" | "none" {
  return redundantExperts(layout, experts) > 0 ? "plimsoll" : "none";
}

/** The twin on a unit: yields the part that is done, 0..1. Ends early once the target is surely lost. */
export function* trial(
  layout: Layout,
  problem: PlanProblem,
  options: TrialOptions,
): Generator<number, Trial> {
  const { model } = problem;
  const { rate, seed, routing } = options;
  const { target } = problem;
  const asked = { ttftMs: PART_ASKED * target.ttftMs, itlMs: PART_ASKED * target.itlMs };
  const { type, decode, prefill, stepTokens } = layout;
  const beforeMs = 1000 * openConstants(layout, problem).first;
  const traffic = unitTraffic(problem, { ...options, beforeMs });
  const { again, durationMs, fromMs, counted } = traffic;
  const watch = new Watch({
    ttftMs: asked.ttftMs - beforeMs,
    itlMs: asked.itlMs,
    counts: traffic.counts,
    mostLate: Math.floor((1 - target.ttftPercentile / 100) * counted) + 1,
  });
  const policy = BALANCE_POLICIES[balancedBy(layout, model.experts)];
  const engine = { shape: engineShape(decode), overlaps: type.overlaps };
  const poolOf = (shape: typeof decode, assignment: "least-in-flight" | "prefill" | "decode") => {
    const topology = unitTopology(layout, shape, model.experts);
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
    traffic: traffic.requests,
    again,
    enough: traffic.enough,
    durationMs,
    cadence: CADENCE,
    seed,
    recorder: new StepRecorder(0),
    fidelity: "analytic",
    policy,
    batching: batchingOf(problem.engine, stepTokens),
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
    return { ...NOTHING, rate, seed, requests: counted, running: watch.running };
  }
  const { tpotMs: perRequest, e2eMs, refused, failed, balancedness } = next.value;
  const inPool = at(next.value.ttftMs, target.ttftPercentile);
  const ttftMs = inPool === null ? null : inPool + beforeMs;
  // Where a run ends before all is answered, the answers that end in it are the shorter ones.
  const wholeMs = again === null ? (e2eMs?.mean ?? null) : wholeAnswer(next.value, problem);
  const itlMs = at(next.value.itlMs, target.itlPercentile);
  return {
    rate,
    seed,
    requests: watch.over,
    keeps: refused + failed === 0 && ttftMs !== null && ttftMs <= asked.ttftMs && (itlMs ?? 0) <= asked.itlMs,
    ttftMs,
    itlMs,
    tpotMs: perRequest?.mean ?? null,
    e2eMs: wholeMs === null ? null : wholeMs + beforeMs,
    attainment: watch.over === 0 ? 0 : watch.good / watch.over,
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
  counts(arrivalMs: number): boolean;
  /** With more late first tokens the target is lost. */
  readonly mostLate: number;
}

function wholeAnswer(
  { ttftMs, tpotMs }: Pick<VirtualRunResult, "ttftMs" | "tpotMs">,
  { demand }: PlanProblem,
): number | null {
  return ttftMs === null ? null : ttftMs.mean + (demand.answer - 1) * (tpotMs?.mean ?? 0);
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
  over = 0;
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
    const { ttftMs, itlMs } = this.#limits;
    if (!this.#limits.counts(arrivalMs)) return;
    this.over++;
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
