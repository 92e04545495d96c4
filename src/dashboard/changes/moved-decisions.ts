import type { DecisionRecord } from "../live/wire.ts";

/** Whether it can be looked at what it changed. */
export function moved({ kind, movedSlots }: DecisionRecord): boolean {
  return movedSlots > 0 || kind === "loss";
}

/** The one to look at where nobody has chosen one: the last that moved something; null for none. */
export function lastMoved(decisions: readonly DecisionRecord[]): DecisionRecord | null {
  return decisions.findLast(moved) ?? null;
}

/** What is asked anew where it is another: the placement in force, as far as decisions say. */
export function placedBy(decisions: readonly DecisionRecord[]): number {
  return decisions.findLast((one) => one.kind === "placement" && moved(one))?.id ?? 0;
}
