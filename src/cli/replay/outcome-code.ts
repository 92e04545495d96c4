import type { ReplayOutcome } from "../../replay/replay.ts";

const SUCCESS = 0;
const FAILURE = 1;
/** k6's, for a threshold that was missed. */
const MISSED = 99;
const INTERRUPTED = 130;

export interface Ending {
  readonly outcome: ReplayOutcome;
  readonly interrupted: boolean;
  /** Nothing of the load is missing for another reason. */
  readonly whole: boolean;
  readonly thresholdsMet: boolean;
  /** The part of the requests that may fail, 0..1. */
  readonly maxFailed: number;
}

/** Whether more requests failed than may. */
export function failedTooMany({ completed, failed }: ReplayOutcome, maxFailed: number): boolean {
  return failed > maxFailed * (completed + failed);
}

/** What of it a person is told. */
export function failedText({ completed, failed }: ReplayOutcome, maxFailed: number): string {
  if (completed === 0) return "failed every request";
  return `failed ${failed} of ${completed + failed} requests, more than --max-failed ${maxFailed}`;
}

/** The exit code of a run that came to its report. What was asked for by name goes first. */
export function exitCodeOf({ outcome, interrupted, whole, thresholdsMet, maxFailed }: Ending): number {
  if (interrupted) return INTERRUPTED;
  if (!thresholdsMet) return MISSED;
  return !whole || outcome.sent === 0 || failedTooMany(outcome, maxFailed) ? FAILURE : SUCCESS;
}

/**
 * The same of a curve, whose higher loads may fail.
 * @param least what the least load came to; null where none was played
 */
export function curveExitCode({
  least,
  interrupted,
  whole,
  thresholdsMet,
  maxFailed,
}: Omit<Ending, "outcome"> & {
  readonly least: ReplayOutcome | null;
}): number {
  if (interrupted) return INTERRUPTED;
  if (!thresholdsMet) return MISSED;
  const answered = least !== null && least.completed > 0 && !failedTooMany(least, maxFailed);
  return whole && answered ? SUCCESS : FAILURE;
}
