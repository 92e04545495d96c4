import fc from "fast-check";
import { expect, test } from "vitest";
import { ChangeLog, CHANGED_SLOTS_KEPT } from "../../src/control/lead/change-log.ts";
import { decodeChanges, encodeChanges } from "../../src/control/messages/stored-changes.ts";
import { countMoves } from "../../src/core/migration/moves.ts";
import { int32Copy } from "../../src/lib/readonly-arrays.ts";
import { NO_CHANGES, type PlacementChange } from "../../src/model/placement-change.ts";
import type { Placement } from "../../src/model/placement.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";

const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 2 };
const [LAYERS, EXPERTS, SLOTS] = [3, 5, 8];
const placements = fc
  .array(fc.integer({ min: -1, max: EXPERTS - 1 }), { minLength: LAYERS * SLOTS, maxLength: LAYERS * SLOTS })
  .map(
    (map): Placement => ({
      layers: LAYERS,
      experts: EXPERTS,
      topology,
      physicalToLogical: Int32Array.from(map),
    }),
  );
const loads = fc.array(
  fc.array(fc.integer({ min: 0, max: 999 }), { minLength: EXPERTS, maxLength: EXPERTS }),
  { minLength: LAYERS, maxLength: LAYERS },
);

const snapshotOf = (placement: Placement, epoch: number) => ({ placement, epoch }) as RoutingSnapshot;

/** What a decision of so many stages leaves, as another gateway reads it. */
function changeOf(stages: readonly Placement[], load: readonly (readonly number[])[]): PlacementChange {
  const log = new ChangeLog(NO_CHANGES, [], () => 7);
  log.expect(load.map((row) => row.map((hundredths) => hundredths / 100)));
  log.begin(1, { kind: "placement", weighed: null });
  for (let i = 1; i < stages.length; i++)
    log.published(1, snapshotOf(stages[i - 1], i), snapshotOf(stages[i], i + 1));
  const [change] = decodeChanges(encodeChanges(log.take() ?? NO_CHANGES)).changes;
  return change;
}

test("what was before, with the change of all stages, is what is after; replicas and moves add up", () => {
  fc.assert(
    fc.property(fc.array(placements, { minLength: 2, maxLength: 4 }), loads, (stages, load) => {
      const [before, after] = [stages[0], stages.at(-1) as Placement];
      const { slots, touched, epochBefore, epochAfter } = changeOf(stages, load);
      expect([epochBefore, epochAfter]).toEqual([1, stages.length]);
      const applied = int32Copy(before.physicalToLogical);
      for (const [i, at] of slots.at.entries()) {
        expect(slots.before[i]).toBe(applied[at]);
        expect(slots.after[i]).not.toBe(applied[at]);
        applied[at] = slots.after[i];
      }
      expect(applied).toEqual(after.physicalToLogical);
      const came = slots.came.reduce((sum, one) => sum + one, 0);
      expect(came).toBe(countMoves(SMALL_MODEL, before, after).slots);
      for (const [i, at] of touched.at.entries()) {
        const [layer, expert] = [Math.floor(at / EXPERTS), at % EXPERTS];
        const row = [...int32Copy(before.physicalToLogical).subarray(layer * SLOTS, (layer + 1) * SLOTS)];
        expect(touched.replicasBefore[i]).toBe(row.filter((one) => one === expert).length);
        expect(touched.load[i]).toBe(load[layer][expert]);
        const heavier = load[layer].filter((one) => one > load[layer][expert]).length;
        const any = load[layer].some((one) => one > 0);
        if (any) expect(touched.place[i]).toBe(heavier + 1);
        else expect(touched.place[i]).toBe(0);
      }
      const named = new Set([...slots.before, ...slots.after].filter((one) => one >= 0));
      expect(new Set([...touched.at].map((at) => at % EXPERTS))).toEqual(named);
    }),
    { seed: 5, numRuns: 60 },
  );
});

test("the newest are kept, as many as there is room for, and the newest whatever it takes", () => {
  const layers = 1;
  const wide = { nodes: 1, gpusPerNode: CHANGED_SLOTS_KEPT / 4, slotsPerGpu: 1 };
  const filled = (expert: number, slots: number): Placement => ({
    layers,
    experts: 3,
    topology: wide,
    physicalToLogical: new Int32Array(CHANGED_SLOTS_KEPT / 4).fill(expert, 0, slots),
  });
  const log = new ChangeLog(NO_CHANGES, [], () => 7);
  for (let id = 1; id <= 6; id++) {
    log.begin(id, { kind: "repair", weighed: null });
    log.published(id, snapshotOf(filled(0, 0), id), snapshotOf(filled(1, CHANGED_SLOTS_KEPT / 4), id + 1));
    log.end(id);
  }
  expect(log.take()?.changes.map(({ decision }) => decision)).toEqual([3, 4, 5, 6]);
  expect(log.take()).toBeNull();
});
