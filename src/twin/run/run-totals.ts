import { Sample, type SampleSummary } from "../../lib/sample.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { PoolStep } from "../simulated-pool.ts";
import { WindowTotals, ratio } from "../window-totals.ts";
import type { RequestOutcome } from "./run-log.ts";
import type { RunPool } from "./run-pool.ts";
import type { VirtualFlight } from "./virtual-flight.ts";
import type { PoolResult, VirtualRunResult } from "./run-result.ts";

/** What a run comes to. Latencies are of requests that arrive from a time on, up to another, balance of windows that begin then. */
export class RunTotals {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #durationMs: number;
  readonly #samples = { ttft: new Sample(), itl: new Sample(), tpot: new Sample(), e2e: new Sample() };
  readonly #windows = new WindowTotals();
  readonly #ofPools = new Map<string, WindowTotals>();
  readonly #counts = { requests: 0, refused: 0, failed: 0, resent: 0, preemptions: 0 };
  readonly #tokens = { in: 0, out: 0, measured: 0 };
  #steps = 0;
  /** From the begin of a step to the end of one: full steps are long. */
  #measuredSince = Number.POSITIVE_INFINITY;
  #measuredUntil = 0;

  /** @param fromMs of the first arrivals that are measured @param durationMs of the run @param toMs of the last of them */
  constructor(fromMs: number, durationMs: number, toMs = Number.POSITIVE_INFINITY) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    this.#durationMs = durationMs;
  }

  get steps(): number {
    return this.#steps;
  }

  arrived(): void {
    this.#counts.requests++;
  }

  admitted({ request }: VirtualFlight): void {
    this.#tokens.in += request.inputTokens;
    this.#tokens.out += request.outputTokens;
  }

  resent(): void {
    this.#counts.resent++;
  }

  preempted(): void {
    this.#counts.preemptions++;
  }

  /** Tokens that come together count once. */
  token(flight: VirtualFlight, nowMs: number): void {
    const measured = this.#measures(flight);
    if (!flight.answered) {
      flight.firstMs = nowMs;
      if (measured) this.#samples.ttft.add(nowMs - flight.request.arrivalMs);
    } else if (measured && nowMs > flight.lastMs) this.#samples.itl.add(nowMs - flight.lastMs);
    flight.lastMs = nowMs;
  }

  over(flight: VirtualFlight, outcome: RequestOutcome, nowMs: number): void {
    if (outcome !== "completed") this.#counts[outcome]++;
    else if (this.#measures(flight)) {
      const { arrivalMs, outputTokens } = flight.request;
      this.#samples.e2e.add(nowMs - arrivalMs);
      if (outputTokens > 1) this.#samples.tpot.add((nowMs - flight.firstMs) / (outputTokens - 1));
    }
  }

  step({ tokens, ms }: PoolStep, nowMs: number): void {
    this.#steps++;
    if (nowMs < this.#fromMs || nowMs >= this.#durationMs) return;
    this.#tokens.measured += tokens;
    this.#measuredSince = Math.min(this.#measuredSince, nowMs);
    this.#measuredUntil = Math.max(this.#measuredUntil, nowMs + ms);
  }

  window({ name }: RunPool, window: PoolWindow, fromMs: number): void {
    if (fromMs < this.#fromMs) return;
    const pool = this.#ofPools.get(name) ?? new WindowTotals();
    this.#ofPools.set(name, pool);
    pool.add(window);
    this.#windows.add(window);
  }

  result(virtualMs: number, pools: readonly RunPool[]): VirtualRunResult {
    const { ttft, itl, tpot, e2e } = this.#samples;
    const sum = (of: (pool: RunPool) => number) => pools.reduce((total, pool) => total + of(pool), 0);
    const summary = (sample: Sample): SampleSummary | null => sample.summary();
    return {
      virtualMs,
      ...this.#counts,
      inputTokens: this.#tokens.in,
      cachedTokens: sum(({ ranks }) => ranks.cachedTokens),
      outputTokens: this.#tokens.out,
      steps: this.#steps,
      balancedness: this.#windows.balancedness,
      nodeHopsPerToken: this.#windows.nodeHopsPerToken,
      hopsPerToken: this.#windows.hopsPerToken,
      ttftMs: summary(ttft),
      itlMs: summary(itl),
      tpotMs: summary(tpot),
      e2eMs: summary(e2e),
      epochs: sum(({ balance }) => balance.epochs),
      movedSlots: sum(({ balance }) => balance.movedSlots),
      tokensPerSecond: ratio(this.#tokens.measured * 1000, this.#measuredUntil - this.#measuredSince),
      pools: pools.map((pool) => this.#ofPool(pool)),
    };
  }

  #ofPool({ name, role, balance }: RunPool): PoolResult {
    const totals = this.#ofPools.get(name) ?? new WindowTotals();
    const { steps, tokens, meanStepMs, balancedness, nodeHopsPerToken, hopsPerToken } = totals;
    const { epochs, movedSlots } = balance;
    return {
      name,
      role,
      steps,
      tokens,
      meanStepMs,
      balancedness,
      nodeHopsPerToken,
      hopsPerToken,
      epochs,
      movedSlots,
    };
  }

  #measures({ request }: VirtualFlight): boolean {
    return request.arrivalMs >= this.#fromMs && request.arrivalMs < this.#toMs;
  }
}
