import { beforeEach, expect, test } from "vitest";
import { PoolView } from "../../src/control/follow/pool-view.ts";
import { encodeOperatorState } from "../../src/control/messages/operator-state.ts";
import { encodeChanges } from "../../src/control/messages/stored-changes.ts";
import { encodeDecisions } from "../../src/control/messages/stored-decisions.ts";
import { encodeEngine } from "../../src/control/messages/stored-engine.ts";
import { encodeExchange } from "../../src/control/messages/stored-exchange.ts";
import { encodeHistory } from "../../src/control/messages/stored-history.ts";
import type { ValueName } from "../../src/control/store.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/model/snapshot-bytes.ts";
import { writtenBefore } from "../../harness/stored-kinds.ts";
import { decision } from "./pool-state-fixture.ts";

const SNAPSHOT = decodeSnapshot(writtenBefore("snapshot"));
const ENGINE = {
  name: "sglang 0.5.23",
  step: 9,
  rebalances: 1,
  rebalanceEvery: 10,
  stepsSinceRebalance: 3,
  dispatch: "static",
  balancedness: null,
  ranks: 0,
  windowMs: 1000,
  measuredAtMs: 5,
  faults: [],
};
const EXCHANGE = {
  atMs: 5,
  spanMs: 5000,
  by: "gpu",
  units: 2,
  basis: "counted",
  how: "counted",
  selections: Float32Array.of(1, 2, 3, 4),
  tokens: new Float32Array(),
  ownGpu: 5,
  ownNode: 10,
  hopsPerToken: null,
  nodeHopsPerToken: null,
  silent: [],
} as const;
const gatewayTraffic = { spanMs: 10_000, ended: 3, failed: 0, ttft: [0, 3], itl: [] };
const GARBAGE = new TextEncoder().encode("garbage");

let lines: string[];
let view: PoolView;
beforeEach(() => {
  lines = [];
  view = new PoolView("p", (fault) => lines.push(fault.message));
});

function snapshotOf(epoch: number): Uint8Array {
  return encodeSnapshot({ ...SNAPSHOT, epoch });
}

test("what cannot be read leaves everything as it was, and what comes after it is taken", () => {
  const values: readonly [ValueName, Uint8Array][] = [
    ["rollout", writtenBefore("rollout")],
    ["orders", writtenBefore("operatorState")],
    ["leader", writtenBefore("leader")],
    ["report", writtenBefore("poolReport")],
    ["engine", encodeEngine(ENGINE)],
    ["exchange", encodeExchange(EXCHANGE)],
    ["decisions", encodeDecisions([decision({})])],
    ["changes", encodeChanges({ forecast: { decision: 1, atMs: 5, load: [[1, 2]] }, changes: [] })],
    ["history", encodeHistory({ pool: [], traffic: [{ atS: 60, seconds: 10, ...gatewayTraffic }] })],
  ];
  view.epoch(7, snapshotOf(7));
  for (const [name, value] of values) view.value(name, value);
  const seen = () =>
    structuredClone([
      [view.snapshot, view.rollout, view.operatorState, view.leader, view.report, view.engine],
      [view.decisions, view.changes, view.history],
      [view.decisions, view.history, view.exchange],
    ]);
  const before = seen();
  const heard: number[] = [];
  view.onSnapshot(({ epoch }) => heard.push(epoch));
  view.onReport(({ epoch }) => heard.push(epoch));
  for (let i = 0; i < 2; i++) {
    view.epoch(8, GARBAGE);
    view.epoch(9, snapshotOf(8));
    for (const [name] of values) view.value(name, GARBAGE);
    expect(view.history.traffic.length).toBe(1);
    expect(view.changes.forecast?.load).toEqual([[1, 2]]);
    expect(view.exchange?.units).toBe(2);
    view.value("learned", GARBAGE);
    view.value("of a later version" as ValueName, GARBAGE);
  }
  expect([seen(), heard, view.epochs.length]).toEqual([before, [], 1]);
  expect(Object.fromEntries(view.reading.dropped)).toEqual({
    snapshot: 4,
    rollout: 2,
    operator_state: 2,
    leader: 2,
    pool_report: 2,
    engine: 2,
    exchange: 2,
    decisions: 2,
    changes: 2,
    history: 2,
    message: 0,
    learned_load: 0,
    expert_sketch: 0,
    gpu_history: 0,
    audit_entry: 0,
  });
  expect(lines.toSorted()).toEqual([
    "pool p: changes in the store cannot be read and is dropped: it is cut short",
    "pool p: decisions in the store cannot be read and is dropped: it is not JSON",
    "pool p: engine in the store cannot be read and is dropped: it is not JSON",
    "pool p: exchange in the store cannot be read and is dropped: it is not JSON",
    "pool p: history in the store cannot be read and is dropped: it is cut short",
    "pool p: leader in the store cannot be read and is dropped: it is not JSON",
    "pool p: operator state in the store cannot be read and is dropped: it is not JSON",
    "pool p: pool report in the store cannot be read and is dropped: it is not JSON",
    "pool p: rollout in the store cannot be read and is dropped: it is not JSON",
    "pool p: snapshot in the store cannot be read and is dropped: it is cut short",
    "pool p: snapshot in the store cannot be read and is dropped: it was published under another number than its own",
  ]);
  view.epoch(10, snapshotOf(10));
  view.value("orders", encodeOperatorState({ ...view.operatorState, paused: false }));
  expect([view.snapshot?.epoch, view.operatorState.paused, heard]).toEqual([10, false, [10]]);
  expect(view.engine).toEqual(ENGINE);
  view.value("engine", encodeEngine(null));
  expect(view.engine).toBeNull();
});

test("of a stream of garbage a few reasons are said, and all are counted", () => {
  const kinds = ["rollout", "orders", "leader", "report"] as const;
  const texts = [
    "",
    "1",
    "[]",
    "{}",
    '{"v":2}',
    '{"v":{}}',
    '{"gateway":1}',
    '{"gateway":"g"}',
    '{"gateway":"g","sinceMs":""}',
  ];
  for (const text of texts)
    for (let i = 0; i < 20; i++) for (const kind of kinds) view.value(kind, new TextEncoder().encode(text));
  expect(view.reading.dropped.get("leader")).toBe(20 * texts.length);
  for (const line of lines) expect(line.length).toBeLessThan(200);
  expect(lines.filter((line) => line.includes(": leader")).length).toBeLessThanOrEqual(8);
});

test("a listener that fails is reported, and keeps nothing from the others", () => {
  const heard: string[] = [];
  view.onSnapshot(() => {
    throw new Error("cannot take it");
  });
  view.onSnapshot(({ epoch }) => heard.push(`epoch ${epoch}`));
  view.onChange(() => heard.push("change"));
  view.epoch(7, snapshotOf(7));
  expect(heard).toEqual(["epoch 7", "change"]);
  expect(lines).toEqual(["pool p: what its leader publishes was not taken: cannot take it"]);
});
