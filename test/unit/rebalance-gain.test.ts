import { expect, test } from "vitest";
import type { DecisionRecord } from "../../src/model/decision-record.ts";
import { rebalanceGain } from "../../src/model/rebalance-gain.ts";

const figures = (balancedness: number) => ({ balancedness, nodeHops: null, spanMs: 1, tokensPerSecond: 1 });

function record(differences: Partial<DecisionRecord>): DecisionRecord {
  return {
    id: 1,
    kind: "placement",
    reason: "",
    state: "done",
    why: null,
    atMs: 0,
    endMs: 1,
    times: 1,
    stages: null,
    movedSlots: 1,
    movedBytes: 1,
    weighed: {
      before: figures(0.5),
      after: figures(0.75),
      movedSlots: 1,
      movedBytes: 1,
      gain: 0.1,
      neededGain: 0.05,
    },
    before: figures(0.5),
    after: figures(0.6),
    ...differences,
  };
}

test("what the last placement that was done has gained, whatever was decided since", () => {
  const since = [
    record({ kind: "shares", after: figures(0.9) }),
    record({ kind: "kept" }),
    record({ state: "under way", weighed: null }),
    record({ state: "given up" }),
  ];
  const { expected, measured } = rebalanceGain([record({ after: figures(0.1) }), record({}), ...since]);
  expect(expected).toBeCloseTo(0.5);
  expect(measured).toBeCloseTo(0.2);
  // It may have made things worse.
  expect(rebalanceGain([record({ kind: "repair", after: figures(0.25) })]).measured).toBe(-0.5);
});

test("what was not weighed or not measured has no gain", () => {
  expect(rebalanceGain([])).toEqual({ expected: null, measured: null });
  expect(rebalanceGain([record({ state: "under way" })])).toEqual({ expected: null, measured: null });
  expect(rebalanceGain([record({ weighed: null, after: null })])).toEqual({ expected: null, measured: null });
  expect(rebalanceGain([record({ before: figures(0) })]).measured).toBeNull();
});
