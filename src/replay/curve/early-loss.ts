import { type GoodputTargets, isGood } from "../measures/goodput.ts";
import { CANCELLED, LEFT, type RequestRecord } from "../request-record.ts";
import type { LoadPlan } from "../load/load-plan.ts";

/** Fewer bad requests end no step. */
const FEWEST_BAD = 10;
/** The number of requests of a closed loop is told from its begin: only then, and with so much on top. */
const TOLD_FROM = 0.25;
const MARGIN = 1.25;
/** Standard deviations that a drawn number of requests may be above its mean. */
const DEVIATIONS = 4;
const SECOND = 1000;

/** Knows when a step cannot hold its targets any more, whatever its other requests come to. */
export class EarlyLoss {
  readonly #plan: LoadPlan;
  readonly #targets: GoodputTargets;
  readonly #attainment: number;
  #ended = 0;
  #bad = 0;

  /** @param attainment the part of the requests that must be good, 0..1 */
  constructor(plan: LoadPlan, targets: GoodputTargets, attainment: number) {
    this.#plan = plan;
    this.#targets = targets;
    this.#attainment = attainment;
  }

  /** A request has ended. @returns whether the step is lost */
  add(record: RequestRecord): boolean {
    const { failure, warmUp, endedMs } = record;
    if (warmUp || failure === CANCELLED || failure === LEFT) return false;
    this.#ended++;
    if (failure !== null || !isGood(record, this.#targets)) this.#bad++;
    if (this.#bad < FEWEST_BAD) return false;
    return this.#bad > (1 - this.#attainment) * this.#mostRequests(endedMs);
  }

  /** That the step can come to. */
  #mostRequests(nowMs: number): number {
    const { pace, bounds } = this.#plan;
    const { requests, durationMs, warmUp } = bounds;
    if (pace.kind === "trace") return requests;
    if (pace.kind === "rate") {
      const mean = (pace.course.to * durationMs) / SECOND;
      return Math.min(requests, mean + DEVIATIONS * Math.sqrt(mean / Math.min(1, pace.burstiness)));
    }
    const part = (nowMs - warmUp.ms) / durationMs;
    if (part < TOLD_FROM) return requests;
    return Math.min(requests, (MARGIN * (this.#ended + pace.streams)) / Math.min(1, part));
  }
}
