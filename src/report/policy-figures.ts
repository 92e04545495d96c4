import type { VirtualRunResult } from "../twin/run/run-result.ts";
import type { LostRequests } from "./lost-requests.ts";
import type { PolicyLog } from "./policy-log.ts";
import type { Goodput } from "./service-level.ts";

/** What a run came to under one policy: its result, with what its log adds. */
export interface PolicyFigures extends VirtualRunResult {
  readonly name: string;
  readonly title: string;
  readonly completed: number;
  /** Why requests were refused or failed. */
  readonly lost: readonly LostRequests[];
  /** Null where no level was given. */
  readonly goodput: Goodput | null;
}

/** @param seconds in which measured requests arrived; null where no level was given */
export function policyFigures(
  log: PolicyLog,
  result: VirtualRunResult,
  seconds: number | null,
): PolicyFigures {
  const { completed, measured, good } = log;
  const goodput = seconds === null ? null : goodputOf(good, measured, seconds);
  return { ...log.policy, ...result, completed, lost: log.lost.kinds, goodput };
}

function goodputOf(good: number, measured: number, seconds: number): Goodput {
  return {
    requests: good,
    share: measured > 0 ? good / measured : null,
    requestsPerSecond: seconds > 0 ? good / seconds : null,
  };
}
