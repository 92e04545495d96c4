import type { DecisionRecord } from "../../../src/model/decision-record.ts";

/** A placement or new shares, by turns. */
export function decisionAt(id: number, atMs: number): DecisionRecord {
  return {
    id,
    kind: id % 2 === 0 ? "placement" : "shares",
    reason: `forecast balancedness 0.${800 + (id % 100)} → 0.950`,
    state: "done",
    why: null,
    atMs: atMs - 1000,
    endMs: atMs,
    times: 1,
    stages: { done: 1, of: 1 },
    movedSlots: id % 2 === 0 ? 40 : 0,
    movedBytes: id % 2 === 0 ? 2e9 : 0,
    weighed: null,
    before: null,
    after: null,
  };
}
