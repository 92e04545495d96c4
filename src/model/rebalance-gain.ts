import type { DecisionRecord } from "./decision-record.ts";

/** By how much the last placement made experts more level. */
export interface RebalanceGain {
  /** Balancedness after over before, less 1, as it was predicted. */
  readonly expected: number | null;
  /** As it was measured in the minute after beside the minute before; so far, while less has passed. */
  readonly measured: number | null;
}

/** Of the last placement that was done; null for what was not weighed, or not measured. @param decisions the oldest first */
export function rebalanceGain(decisions: readonly DecisionRecord[]): RebalanceGain {
  const last = decisions.findLast(({ kind, state }) => PLACED.has(kind) && state === "done");
  if (last === undefined) return { expected: null, measured: null };
  const { weighed, before, after } = last;
  return {
    expected: gain(weighed?.before.balancedness, weighed?.after.balancedness),
    measured: gain(before?.balancedness, after?.balancedness),
  };
}

const PLACED: ReadonlySet<DecisionRecord["kind"]> = new Set(["placement", "repair"]);

function gain(before: number | undefined, after: number | undefined): number | null {
  if (before === undefined || after === undefined || before <= 0) return null;
  return after / before - 1;
}
