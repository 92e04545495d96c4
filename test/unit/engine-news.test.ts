import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ModelCluster } from "../../harness/fakes/model-cluster.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { stepsOf } from "./cluster-steps.ts";

let cluster: ModelCluster;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  cluster = new ModelCluster(2, 0, () => 1e12 + cluster.nowMs);
  await cluster.start();
  for (const { loop } of cluster.members) loop.countRequestsBy(() => 1);
});
afterEach(async () => {
  await cluster.stop();
  vi.useRealTimers();
});

const { rounds, view } = stepsOf(() => cluster);

const PREFIX = "pool model: vllm 0.32.0: ";

/** A report of the whole pool comes to the second gateway, and a round goes by. */
async function report(step: number, ...tables: string[]): Promise<void> {
  const { inbox } = cluster.members[1];
  inbox.take({
    rank: null,
    window: null,
    incarnation: null,
    windowMs: 100,
    counted: "source",
    counts: new Float64Array(SMALL_MOE_LAYERS * SMALL_MODEL.experts).fill(step + 1),
    engine: {
      name: "vllm 0.32.0",
      step,
      rebalances: 4,
      rebalanceEvery: 1000,
      dispatch: "even",
      balancedness: 0.75,
      ranks: tables.map((table) => ({ map: "a", table, expected: "1" })),
    },
  });
  await inbox.flush();
  await rounds(1);
}

function kinds(): readonly string[] | undefined {
  return view().engine?.faults.map(({ kind }) => kind);
}

test("what the leader finds is known to every gateway, with one line for each change", async () => {
  await report(0, "1", "2");
  await report(1, "2", "2");
  const sinceMs = view().engine?.faults[0].sinceMs;
  await report(2, "2", "2");
  for (const { loop } of cluster.members)
    expect(loop.view.engine).toMatchObject({
      step: 2,
      rebalances: 4,
      balancedness: 0.75,
      faults: [{ kind: "table", ranks: [0, 1], sinceMs }],
    });
  await report(5000, "1", "1");
  expect(kinds()).toEqual(["stopped"]);
  expect(cluster.notices).toEqual([
    `${PREFIX}table: rank 1 is dispatching by another table than planned`,
    `${PREFIX}table: ranks 0, 1 are dispatching by another table than planned`,
    `${PREFIX}stopped: it has not rebalanced for 5000 steps, and should every 1000`,
    `${PREFIX}no longer table`,
  ]);
});

test("the next leader goes on from there, and says nothing twice; silence is seen without reports", async () => {
  await report(0, "2");
  await report(5000, "2");
  const before = view().engine;
  const said = cluster.notices.length;
  const [first] = cluster.leaders;
  cluster.members.find((member) => member === first)?.store.cut();
  await rounds(10);
  first.store.join();
  expect(cluster.leaders).not.toContain(first);
  expect(view().engine).toEqual(before);
  await report(5001, "2");
  expect(view().engine?.faults.map(({ sinceMs }) => sinceMs)).toEqual(
    before?.faults.map(({ sinceMs }) => sinceMs),
  );
  expect(cluster.notices.length).toBe(said);
  await rounds(601);
  expect(kinds()).toEqual(["stopped", "table", "silent"]);
  expect(cluster.notices.slice(said)).toEqual([
    `${PREFIX}silent: its reports have stopped coming while it serves`,
  ]);
});

test("what somebody has put in its place is replaced", async () => {
  await report(0, "1");
  const before = view().engine;
  await cluster.leave("engine", new TextEncoder().encode("garbage"));
  expect([view().engine, view().unreadable.has("engine")]).toEqual([before, true]);
  await rounds(1);
  expect([view().engine, view().unreadable.has("engine")]).toEqual([before, false]);
});
