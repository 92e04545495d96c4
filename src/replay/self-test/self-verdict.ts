import type { Comparison } from "./compare.ts";
import type { CoreUse } from "./core-use.ts";

/** How far TTFT and ITL may be off at the 99th percentile. */
export const MOST_ERROR_MS = 2;
/** A process that had no core for this part of its time can be late at its 99th percentile through nobody's fault of its own. */
const MOST_WAITING = 0.005;

/** One load of the self-test. */
export interface SelfTestStep extends Comparison {
  readonly streams: number;
  /** Between two frames of a stream, on average. */
  readonly gapMs: number;
  /** What counts, of all streams together. */
  readonly framesPerSecond: number;
  /** All that the client read in the time of its `client`, what does not count among it. */
  readonly read: { readonly answers: number; readonly frames: number };
  readonly client: CoreUse;
  readonly mock: CoreUse;
}

export type SelfVerdict =
  /** The times are right, up to so many streams at least. */
  | { readonly kind: "pass"; readonly streams: number }
  /** They are not, and nothing follows from it: the machine did not run the processes when they were ready. */
  | { readonly kind: "busy" }
  | { readonly kind: "fail" };

export function isRight({ ttft, itl, wrong, answers }: Comparison): boolean {
  if (wrong > 0 || answers === 0) return false;
  return [ttft, itl].every(({ error }) => error !== null && error.p99 <= MOST_ERROR_MS);
}

/** The part of the time in which one of the two was ready and had no core; null where the system does not say. */
export function waitingPart({ client, mock }: Pick<SelfTestStep, "client" | "mock">): number | null {
  const parts = [client, mock].map(({ waitedMs, elapsedMs }) =>
    waitedMs === null ? null : waitedMs / elapsedMs,
  );
  return parts.reduce((most, part) => (part === null ? most : Math.max(most ?? 0, part)), null);
}

/**
 * @param steps    by their streams, the fewest first
 * @param overload there was more to do than cores before it began: what is known where the system says no waits
 */
export function selfVerdict(steps: readonly SelfTestStep[], overload: boolean): SelfVerdict {
  let streams = 0;
  for (const step of steps) {
    if (!isRight(step)) break;
    ({ streams } = step);
  }
  if (streams > 0) return { kind: "pass", streams };
  const [first] = steps;
  if (first === undefined || first.wrong > 0) return { kind: "fail" };
  const waiting = waitingPart(first);
  return { kind: (waiting === null ? overload : waiting > MOST_WAITING) ? "busy" : "fail" };
}
