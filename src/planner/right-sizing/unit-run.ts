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
/** Requests come for so many times as long as a unit takes to be in its stride, after those that count. */
const TAIL = 3;

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
  const seconds = requests / rate;
  const fromMs = 1000 * warmSeconds;
  const toMs = fromMs + 1000 * seconds;
  // Others come until those that count are over: the last answers are as crowded as the first.
  const traffic = drawMeasured(lengths, rate, seconds + (1 + TAIL) * warmSeconds, seed);
  const endMs = Math.max(1, traffic.at(-1)?.arrivalMs ?? 1);
  const asked = traffic.filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < toMs).length;
  const watch = new LateWatch(
    { fromMs, toMs, asked },
    ttftMs ?? Number.POSITIVE_INFINITY,
    (1 - ttftPercentile / 100) * asked,
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
    measuredToMs: toMs,
    enough: () => watch.over,
  });
  for (;;) {
    const next = run.next();
    if (next.done === true) {
      const { virtualMs, ttftMs: ttft, itlMs, balancedness } = next.value;
      const { refused, failed, tokensPerSecond, pools } = next.value;
      const untilMs = Math.min(virtualMs, endMs);
      const came = traffic
        .filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < untilMs)
        .reduce((sum, request) => sum + forwardedOf(request), 0);
      return {
        ttftMs: ttft,
        itlMs,
        balancedness,
        failed: refused + failed,
        stepMs: pools.at(-1)?.meanStepMs ?? null,
        offeredPerSecond: (1000 * came) / Math.max(1, untilMs - fromMs),
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

interface Counted {
  readonly fromMs: number;
  readonly toMs: number;
  /** Requests that arrive in between. */
  readonly asked: number;
}

/** Counts the requests that are over, and late first tokens among them. */
class LateWatch implements RunObserver {
  readonly #counted: Counted;
  readonly #ttftMs: number;
  readonly #most: number;
  #late = 0;
  #over = 0;

  constructor(counted: Counted, ttftMs: number, most: number) {
    this.#counted = counted;
    this.#ttftMs = ttftMs;
    this.#most = Math.floor(most) + 1;
  }

  get lost(): boolean {
    return this.#late > this.#most;
  }

  /** All that count are. */
  get over(): boolean {
    return this.#over === this.#counted.asked;
  }

  request({ arrivalMs, firstTokenMs }: RequestRecord): void {
    if (arrivalMs < this.#counted.fromMs || arrivalMs >= this.#counted.toMs) return;
    this.#over++;
    if (firstTokenMs === null || firstTokenMs - arrivalMs > this.#ttftMs) this.#late++;
  }

  step(_step: StepSpan): void {}

  window(): void {}

  event(): void {}
}
