import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ModelCluster, ROUND_MS } from "../../harness/fakes/model-cluster.ts";
import { ALL_RANKS, stepsOf, without } from "./cluster-steps.ts";

/** A planner that has much else to do takes so many rounds for a plan. */
const ROUNDS = 40;

let cluster: ModelCluster;
/** The planner answers again. */
let release: () => void;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  cluster = new ModelCluster(2, 0, () => cluster.nowMs);
  release = () => {};
  await cluster.start();
});
afterEach(async () => {
  release();
  await cluster.stop();
  vi.useRealTimers();
});

const { rounds, settle, obeyed, rollingOut, view, named } = stepsOf(() => cluster);

/** A load that goes on, round by round. */
async function loads(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await cluster.load(i, 1);
    await rounds(1);
  }
}

test("what is measured is published every round while the planner decides, and then the decision", async () => {
  await loads(2);
  release = cluster.members[0].planner.hold();
  const heard: { readonly atMs: number; readonly behindMs: number; readonly epoch: number }[] = [];
  view().onReport(({ atMs, epoch }) => heard.push({ atMs, behindMs: cluster.nowMs - atMs, epoch }));
  const { epoch } = view().snapshot ?? {};
  await loads(ROUNDS);
  expect(heard).toHaveLength(ROUNDS);
  expect(new Set(heard.map(({ behindMs }) => behindMs))).toEqual(new Set([0]));
  expect(new Set(heard.map((report) => report.epoch))).toEqual(new Set([epoch]));
  release();
  await settle();
  // At once, and not with the next report.
  expect(view().snapshot?.epoch).toBe((epoch ?? 0) + 1);
  expect(cluster.faults).toEqual([]);
});

test("a loss is stored meanwhile; a decision that rests on what was before is dropped", async () => {
  await loads(4);
  release = cluster.members[0].planner.hold();
  await loads(2);
  await cluster.die(3, 1);
  await settle();
  expect(view().operatorState.lost).toEqual([{ rank: 3, how: "reported" }]);
  const { epoch } = view().snapshot ?? {};
  release();
  await settle();
  expect(named()).toEqual(without(3));
  expect(view().snapshot).toMatchObject({ epoch: (epoch ?? 0) + 1, change: { reason: "rank 3 is lost" } });
  await obeyed();
  expect(cluster.violations).toEqual([]);
  expect(cluster.faults).toEqual([]);
});

test("a stage that ranks have prepared is published when the planner is there again; nothing else waits", async () => {
  await rollingOut();
  release = cluster.members[0].planner.hold();
  for (const rank of ALL_RANKS) await cluster.poll(rank, 1);
  await settle();
  await loads(ROUNDS);
  expect(cluster.nowMs - (view().report?.atMs ?? 0)).toBeLessThanOrEqual(ROUND_MS);
  expect(view().rollout.pending).toMatchObject({ phase: "prepare" });
  release();
  await settle();
  expect(view().rollout.pending).toMatchObject({ phase: "commit" });
  await obeyed();
  expect(cluster.violations).toEqual([]);
  expect(cluster.faults).toEqual([]);
});
