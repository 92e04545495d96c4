import type { SampleSummary } from "../../lib/sample.ts";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../../model/traffic.ts";
import { StepRecorder } from "../../twin/step-recorder.ts";
import type { RequestRecord, RunObserver, StepSpan } from "../../twin/run/run-log.ts";
import { virtualRun } from "../../twin/run/virtual-run.ts";
import { engineShape } from "../layout.ts";
import { type MeasuredLengths, drawMeasured } from "./measured-demand.ts";
import type { RunningPool, RunningUnit } from "./running-unit.ts";

/** Of a run, windows that balance is measured in: shares follow a load that does not drift. */
const WINDOWS = 6;
const LONGEST_WINDOW_MS = 30_000;

/** What a unit came to in the twin. Milliseconds, the first token without what passes outside the pool. */
export interface UnitTimes {
  readonly ttftMs: SampleSummary | null;
  readonly itlMs: SampleSummary | null;
  readonly balancedness: number | null;
  readonly failed: number;
  /** A forward pass, where answers are made. */
  readonly stepMs: number | null;
  /** Prompt and answer tokens that came a second and were in no cache, and those that were forwarded meanwhile. */
  readonly offeredPerSecond: number;
  readonly tokensPerSecond: number;
}

export interface UnitRunOptions {
  /** Requests per second of the unit. */
  readonly rate: number;
  readonly seed: number;
  /** Requests that count. */
  readonly requests: number;
  readonly lengths: MeasuredLengths;
  /** Until the unit is in its stride, in seconds. */
  readonly warmSeconds: number;
  /** Ends early once so many first tokens come later than this that the percentile does; null goes on to the end. */
  readonly ttftMs: number | null;
  readonly ttftPercentile: number;
}

/** The twin on a unit as it runs. Yields the part done, 0..1; null where it ended early. */
export function* unitRun(
  unit: RunningUnit,
  { model, type, routing }: Pick<RunningPool, "model" | "type" | "routing">,
  options: UnitRunOptions,
): Generator<number, UnitTimes | null> {
  const { rate, seed, requests, lengths, warmSeconds, ttftMs, ttftPercentile } = options;
  const { layout, prefill, decode, batching, policy, begins, assignment, prefillAssignment } = unit;
  const traffic = drawMeasured(lengths, rate, warmSeconds + requests / rate, seed);
  const endMs = Math.max(1, traffic.at(-1)?.arrivalMs ?? 1);
  const fromMs = Math.min(1000 * warmSeconds, endMs / 2);
  const asked = traffic.filter(({ arrivalMs }) => arrivalMs >= fromMs);
  const watch = new LateWatch(
    fromMs,
    ttftMs ?? Number.POSITIVE_INFINITY,
    (1 - ttftPercentile / 100) * asked.length,
  );
  const { hardware } = type;
  const own = { hardware, begins: begins ?? undefined };
  const run = virtualRun({
    ...(prefill === null
      ? { ...own, topology: decode, assignment }
      : { hardware, topology: prefill, assignment: prefillAssignment }),
    decode: prefill === null ? null : { ...own, topology: decode, assignment },
    model,
    routing: routing(),
    traffic,
    durationMs: endMs,
    // The placement stays: what is asked is what it is worth.
    cadence: {
      sharesMs: Math.min(LONGEST_WINDOW_MS, endMs / WINDOWS),
      placementMs: Number.POSITIVE_INFINITY,
    },
    seed,
    recorder: new StepRecorder(0),
    fidelity: "analytic",
    policy: { ...policy, replansEarly: false },
    batching,
    engine: { shape: engineShape(layout.decode), overlaps: type.overlaps },
    observer: watch,
    measuredFromMs: fromMs,
  });
  for (;;) {
    const next = run.next();
    if (next.done === true) {
      const { ttftMs: ttft, itlMs, balancedness, refused, failed, tokensPerSecond, pools } = next.value;
      const came = asked.reduce((sum, request) => sum + forwardedOf(request), 0);
      return {
        ttftMs: ttft,
        itlMs,
        balancedness,
        failed: refused + failed,
        stepMs: pools.at(-1)?.meanStepMs ?? null,
        offeredPerSecond: (1000 * came) / Math.max(1, endMs - fromMs),
        tokensPerSecond: tokensPerSecond ?? 0,
      };
    }
    if (watch.lost) return null;
    yield next.value;
  }
}

/** Tokens that are forwarded for a request whose common blocks are in a cache. */
function forwardedOf({ inputTokens, outputTokens, prefixBlocks = [] }: TraceRequest): number {
  return inputTokens - PREFIX_BLOCK_TOKENS * prefixBlocks.length + outputTokens;
}

/** Counts late first tokens. */
class LateWatch implements RunObserver {
  readonly #fromMs: number;
  readonly #ttftMs: number;
  readonly #most: number;
  #late = 0;

  constructor(fromMs: number, ttftMs: number, most: number) {
    this.#fromMs = fromMs;
    this.#ttftMs = ttftMs;
    this.#most = Math.floor(most) + 1;
  }

  get lost(): boolean {
    return this.#late > this.#most;
  }

  request({ arrivalMs, firstTokenMs }: RequestRecord): void {
    if (arrivalMs < this.#fromMs) return;
    if (firstTokenMs === null || firstTokenMs - arrivalMs > this.#ttftMs) this.#late++;
  }

  step(_step: StepSpan): void {}

  window(): void {}

  event(): void {}
}
