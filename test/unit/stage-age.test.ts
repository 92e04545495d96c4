import { expect, test } from "vitest";
import { StageAge } from "../../src/control/follow/stage-age.ts";
import { NO_ROLLOUT, type RolloutRecord } from "../../src/control/messages/rollout-record.ts";
import { HandClock } from "../hand-clock.ts";

function stage(epoch: number, phase: "prepare" | "commit"): RolloutRecord {
  const topology = { nodes: 1, gpusPerNode: 1, slotsPerGpu: 1 };
  const placement = { layers: 1, experts: 1, topology, physicalToLogical: [0] };
  const pending = { epoch, phase, layers: [0], chunk: 1, chunks: 2, reason: "", placement };
  return { ...NO_ROLLOUT, pending };
}

test("a stage is as old as it was prepared first; the next one begins anew, and none is 0", () => {
  const clock = new HandClock();
  const view = { rollout: NO_ROLLOUT };
  const age = new StageAge(view, clock);
  const after = (ms: number, rollout: RolloutRecord) => {
    clock.ms += ms;
    view.rollout = rollout;
    age.look();
    return age.ms;
  };
  expect(after(10, NO_ROLLOUT)).toBe(0);
  expect(after(10, stage(5, "prepare"))).toBe(0);
  clock.ms += 30;
  expect(age.ms).toBe(30);
  expect(after(20, stage(5, "commit"))).toBe(50);
  expect(after(20, stage(6, "prepare"))).toBe(0);
  expect(after(20, NO_ROLLOUT)).toBe(0);
  clock.ms += 30;
  expect(age.ms).toBe(0);
});
