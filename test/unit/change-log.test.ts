import { beforeEach, expect, test } from "vitest";
import { ChangeLog } from "../../src/control/lead/change-log.ts";
import type { WeighedChange } from "../../src/model/decision-record.ts";
import { NO_CHANGES } from "../../src/model/placement-change.ts";
import type { Placement } from "../../src/model/placement.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";

const WEIGHED = {} as WeighedChange;
const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 1 };

/** One layer, two GPUs of a slot. */
function snapshot(epoch: number, ...map: readonly number[]): RoutingSnapshot {
  const physicalToLogical = Int32Array.from(map);
  const placement: Placement = { layers: 1, experts: 2, topology, physicalToLogical };
  return { epoch, placement } as RoutingSnapshot;
}

let log: ChangeLog;
const forecast = () => log.take()?.forecast;
beforeEach(() => {
  log = new ChangeLog(NO_CHANGES, [], () => 7);
  log.expect([[1.5, 0.5]]);
  log.begin(1, { kind: "placement", weighed: WEIGHED });
  // What is known later it was not made for.
  log.expect([[0.5, 1.5]]);
});

test("the forecast is of the placement in force: from its first stage on", () => {
  expect(log.take()).toBeNull();
  log.published(1, snapshot(1, 0, 1), snapshot(2, 0, 0));
  expect(forecast()).toEqual({ decision: 1, atMs: 7, load: [[1.5, 0.5]] });
});

test("repairs and losses leave it as it was; what goes back to an earlier epoch has none", () => {
  log.published(1, snapshot(1, 0, 1), snapshot(2, 0, 0));
  log.end(1);
  log.begin(2, { kind: "loss", weighed: null });
  log.published(2, snapshot(2, 0, 0), snapshot(3, 0, -1));
  expect(forecast()?.decision).toBe(1);
  log.begin(3, { kind: "placement", weighed: null });
  log.published(3, snapshot(3, 0, -1), snapshot(4, 0, 1));
  expect(forecast()).toBeNull();
});

test("what is over publishes nothing more, and what is left of unknown decisions is dropped", () => {
  log.published(1, snapshot(1, 0, 1), snapshot(2, 0, 0));
  const left = log.take() ?? NO_CHANGES;
  log.end(1);
  log.published(1, snapshot(2, 0, 0), snapshot(3, 1, 0));
  expect(log.take()).toBeNull();
  const next = new ChangeLog(left, [{ id: 1 }], () => 9);
  next.begin(2, { kind: "repair", weighed: null });
  next.published(2, snapshot(2, 0, 0), snapshot(3, 1, 0));
  expect(next.take()?.changes.map(({ decision }) => decision)).toEqual([1, 2]);
  const other = new ChangeLog(left, [{ id: 5 }], () => 9);
  other.begin(6, { kind: "repair", weighed: null });
  other.published(6, snapshot(2, 0, 0), snapshot(3, 1, 0));
  expect(other.take()?.changes.map(({ decision }) => decision)).toEqual([6]);
});
