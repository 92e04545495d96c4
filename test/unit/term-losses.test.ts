import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { ModelCluster, ROUND_MS } from "../../harness/fakes/model-cluster.ts";
import { ALL_RANKS, stepsOf, without } from "./cluster-steps.ts";

let cluster: ModelCluster;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  cluster = new ModelCluster(2);
  await cluster.start();
});
afterEach(async () => {
  await cluster.stop();
  vi.useRealTimers();
});

const { rounds, settle, obeyed, rollingOut, view, named } = stepsOf(() => cluster);

describe("a loss that was stored and not published", () => {
  const lost = () => view().operatorState.lost.map(({ rank }) => rank);

  test("is published by the next round, where it was the planner that failed", async () => {
    cluster.members[0].planner.fail(2);
    await cluster.die(3, 1);
    await settle();
    expect([lost(), named()]).toEqual([[3], ALL_RANKS]);
    await rounds(1);
    expect(named()).toEqual(ALL_RANKS);
    await rounds(1);
    expect(named()).toEqual(without(3));
    expect(cluster.faults.map(({ message }) => message)).toEqual([
      "the planner is lost",
      "the planner is lost",
    ]);
    await cluster.load(3, 1);
    await rounds(3);
    expect(cluster.violations).toEqual([]);
  });

  test("does not keep the pool from anything else once it is", async () => {
    cluster.members[0].planner.fail(1);
    await cluster.die(3, 1);
    await rollingOut();
    await obeyed();
    expect(named()).toEqual(without(3));
    expect(view().epochs.filter(({ movedSlots }) => movedSlots > 0).length).toBeGreaterThan(0);
  });

  test.each([0, 1, 2, 3])(
    "is published by the next leader, where this one is cut off after %i more questions",
    async (after) => {
      await cluster.die(3, 1);
      cluster.members[0].store.cutAfter(after);
      await rounds(6);
      expect([cluster.members[1].loop.leading, lost(), named()]).toEqual([true, [3], without(3)]);
      expect(cluster.violations).toEqual([]);
    },
  );

  test("is published by the next leader though the rank is there again meanwhile", async () => {
    cluster.members[0].planner.fail(9);
    await cluster.die(3, 1);
    await cluster.recover(3, 1);
    await settle();
    expect(view().operatorState.lost).toEqual([{ rank: 3, how: "restarted" }]);
    const { epoch } = cluster.published as RoutingSnapshot;
    cluster.members[0].store.cut();
    await rounds(6);
    expect(view().epochs.find((one) => one.epoch > epoch)?.reason).toBe("rank 3 is lost");
    expect(lost()).toEqual([]);
    await obeyed();
    expect(cluster.violations).toEqual([]);
  });
});

describe("messages that come at once", () => {
  test("an order that cannot be planned loses no loss, before it or behind it, and is given up with its reason", async () => {
    cluster.members[0].planner.fail(Number.POSITIVE_INFINITY, 1);
    await Promise.all([
      cluster.die(3, 1),
      cluster.order({ kind: "drain", rank: 6 }, 1),
      cluster.die(4, 1),
      cluster.order({ kind: "pause" }, 1),
    ]);
    await settle();
    expect(named()).toEqual(without(3));
    // Redelivered after a pause each time: not in a hurry, and not for ever.
    expect(view().operatorState.lost.map(({ rank }) => rank)).toEqual([3]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(view().operatorState).toMatchObject({ paused: true, drained: [6] });
    expect(view().operatorState.lost.map(({ rank }) => rank)).toEqual([3, 4]);
    expect(named()).toEqual(without(3));
    cluster.members[0].planner.fail(0);
    await rounds(1);
    expect(named()).toEqual(without(3, 4));
    expect(cluster.faults.map(({ message }) => message)).toContain(
      "pool model: order given up after 3 tries: drain (the planner is lost)",
    );
    expect(cluster.violations).toEqual([]);
  });

  test("what was done of them is not done again", async () => {
    const counted: number[] = [];
    const { plane } = cluster.members[0];
    vi.spyOn(plane, "receive").mockImplementation(({ tokens }) => void counted.push(tokens[0]));
    cluster.members[0].planner.fail(2);
    await Promise.all([cluster.load(1, 1), cluster.order({ kind: "rebalance" }, 1), cluster.load(2, 1)]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(counted.length).toBe(2);
    expect(new Set(counted).size).toBe(2);
  });

  test.each([
    ["dies and is back", ["die", "recover"], []],
    ["is back and dies again", ["die", "recover", "die"], [{ rank: 3, how: "reported" }]],
  ] as const)("a rank that %s", async (_, words, lost) => {
    await Promise.all(words.map((word) => cluster[word](3, 1)));
    await settle();
    expect(view().operatorState.lost).toEqual(lost);
    expect(named()).toEqual(without(3));
    await obeyed();
    expect(cluster.violations).toEqual([]);
  });
});

describe("a rank that restarts faster than it is missed", () => {
  test.each(["ready", "nothing"] as const)("holds nothing any more; it says %s", async (says) => {
    await rollingOut();
    await obeyed();
    await cluster.restart(3, 1, says);
    if (says === "nothing") await cluster.report(1);
    const { epoch } = cluster.published as RoutingSnapshot;
    await settle();
    expect(named()).toEqual(without(3));
    expect(view().epochs.find((one) => one.epoch > epoch)?.reason).toBe("rank 3 is lost");
    expect(view().operatorState.lost).toEqual([]);
    await cluster.order({ kind: "rebalance" }, 1);
    await obeyed();
    expect(named()).toEqual(ALL_RANKS);
    expect(cluster.violations).toEqual([]);
  });

  test("is known by its acknowledgements alone, also where no stage waits for them", async () => {
    await cluster.restart(3, 1, "nothing");
    const { incarnation } = cluster.ranks[3];
    expect(await cluster.members[1].loop.acknowledge(1, 3, "committed", incarnation)).toBe(false);
    await settle();
    expect(named()).toEqual(without(3));
  });

  test("is not taken for restarted by what its start before has left behind", async () => {
    await cluster.restart(3, 1, "ready");
    await settle();
    await cluster.order({ kind: "rebalance" }, 1);
    await obeyed();
    expect(named()).toEqual(ALL_RANKS);
    const { epoch } = cluster.published as RoutingSnapshot;
    const before = cluster.ranks[3].incarnation - 1;
    await cluster.members[1].loop.reportRank(3, "lost", before);
    await cluster.members[1].loop.reportRank(3, "ready", before);
    await settle();
    expect(cluster.published?.epoch).toBe(epoch);
  });

  test("is found out by the next leader, where its leader was gone when it restarted", async () => {
    cluster.members[0].store.cut();
    await cluster.restart(3, 1, "nothing");
    await cluster.report(1);
    await rounds(6);
    expect(cluster.members[1].loop.leading).toBe(true);
    expect(named()).toEqual(without(3));
    expect(cluster.violations).toEqual([]);
  });
});

test("a rank that dies with the leader is missed by the next", async () => {
  const silenced = new ModelCluster(2, 4 * ROUND_MS);
  const pass = async (count: number) => {
    for (let i = 0; i < count; i++) {
      silenced.nowMs += ROUND_MS;
      await silenced.report(1);
      await vi.advanceTimersByTimeAsync(ROUND_MS);
    }
  };
  try {
    await silenced.start();
    await pass(3);
    silenced.members[0].store.cut();
    silenced.ranks[3].die();
    await pass(14);
    expect(silenced.members[1].loop.leading).toBe(true);
    expect(silenced.members[1].loop.view.operatorState.lost).toEqual([{ rank: 3, how: "silent" }]);
    expect(silenced.violations).toEqual([]);
  } finally {
    await silenced.stop();
  }
});
