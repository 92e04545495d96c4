import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { ModelCluster, ROUND_MS, TOPOLOGY } from "../../harness/fakes/model-cluster.ts";

const RANKS = Array.from({ length: gpuCount(TOPOLOGY) }, (_, rank) => rank);

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

async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    cluster.nowMs += ROUND_MS;
    await vi.advanceTimersByTimeAsync(ROUND_MS);
  }
}

const settle = () => rounds(0).then(() => vi.advanceTimersByTimeAsync(0));

/** All ranks do as they are told, as long as there is something to do. */
async function obeyed(gateway = 1): Promise<void> {
  for (let i = 0; i < 40; i++) {
    for (const rank of RANKS) await cluster.poll(rank, gateway);
    await settle();
  }
}

/** At work on the first group of a placement for a skewed load, which nobody has prepared. */
async function rollingOut(): Promise<void> {
  for (let seed = 0; seed < 40 && view().rollout.pending === null; seed++) {
    await cluster.load(seed >> 3, 1);
    await rounds(1);
  }
  expect(view().rollout.pending).toMatchObject({ phase: "prepare", chunk: 1 });
}

function view() {
  return cluster.members[1].loop.view;
}

/** Ranks that the snapshot in force names. */
function named(): number[] {
  const { topology, physicalToLogical } = (cluster.published as RoutingSnapshot).placement;
  const width = slotCount(topology);
  const ranks = new Set<number>();
  for (let i = 0; i < physicalToLogical.length; i++)
    if (physicalToLogical[i] >= 0) ranks.add(gpuOfSlot(topology, i % width));
  return [...ranks].toSorted((a, b) => a - b);
}

function without(...gone: number[]): number[] {
  return RANKS.filter((rank) => !gone.includes(rank));
}

describe("a rank that dies", () => {
  test("is named no more at once, and nothing is missing where the others have copies", async () => {
    const { epoch } = cluster.published as RoutingSnapshot;
    await cluster.die(3, 1);
    await settle();
    expect(named()).toEqual(without(3));
    expect(cluster.published).toMatchObject({ epoch: epoch + 1, change: { kind: "shares", movedSlots: 0 } });
    expect(cluster.published?.change.reason).toBe("rank 3 is lost");
    expect(cluster.published?.missing).toEqual([]);
    expect(view().operatorState.lost).toEqual([{ rank: 3, how: "reported" }]);
    await obeyed();
    expect(cluster.published?.missing).toEqual([]);
    expect(named()).toEqual(without(3));
    expect(cluster.violations).toEqual([]);
  });

  test("ends a rollout in preparation; the next one goes without it", async () => {
    await rollingOut();
    for (const rank of without(3)) await cluster.poll(rank, 1);
    await cluster.die(3, 1);
    await settle();
    expect(named()).toEqual(without(3));
    expect(cluster.faults.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^pool model: given up: re-placed: .* \(rank 3 is lost\)$/) as string,
    ]);
    await obeyed();
    expect(cluster.published?.missing).toEqual([]);
    expect(cluster.violations).toEqual([]);
  });

  test("is not waited for when it dies after the snapshot that its group came with", async () => {
    await rollingOut();
    for (const rank of RANKS) await cluster.poll(rank, 1);
    await settle();
    expect(view().rollout.pending).toMatchObject({ phase: "commit" });
    await cluster.die(3, 1);
    await obeyed();
    expect(view().rollout.pending).toBeNull();
    expect(cluster.published?.missing).toEqual([]);
    expect(cluster.violations).toEqual([]);
  });
});

describe("a loss that was stored and not published", () => {
  const lost = () => view().operatorState.lost.map(({ rank }) => rank);

  test("is published by the next round, where it was the planner that failed", async () => {
    cluster.members[0].planner.fail(2);
    await cluster.die(3, 1);
    await settle();
    expect([lost(), named()]).toEqual([[3], RANKS]);
    await rounds(1);
    expect(named()).toEqual(RANKS);
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
    expect(named()).toEqual(RANKS);
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
    expect(named()).toEqual(RANKS);
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

test("when too few are left for all experts, the others are named, and brought back with the ranks", async () => {
  for (const rank of [0, 1, 2, 3, 4]) await cluster.die(rank, 1);
  await settle();
  await obeyed();
  const { missing, placement } = cluster.published as RoutingSnapshot;
  expect(named()).toEqual([5, 6, 7]);
  // 24 slots are left for 32 experts.
  expect(missing.map(({ layer, experts }) => [layer, experts.length])).toEqual(
    Array.from({ length: placement.layers }, (_, layer) => [layer, 8]),
  );
  for (const rank of [0, 1]) await cluster.recover(rank, 1);
  await settle();
  await obeyed();
  expect(cluster.published?.missing).toEqual([]);
  expect(cluster.violations).toEqual([]);
});

describe("a leader that is cut off", () => {
  const leader = () => cluster.members.findIndex(({ loop }) => loop.leading);

  test("is followed by another, which gives up what was not published and goes on", async () => {
    await rollingOut();
    const before = cluster.published?.epoch ?? 0;
    expect(leader()).toBe(0);
    cluster.members[0].store.cut();
    await rounds(6);
    expect(leader()).toBe(1);
    expect(cluster.members[0].loop.leading).toBe(false);
    expect(view().leader?.gateway).toBe("gateway 1");
    expect(view().rollout.pending).toBeNull();
    await obeyed();
    await rollingOut();
    await obeyed();
    expect(cluster.published?.epoch).toBeGreaterThan(before);
    cluster.members[0].store.join();
    await rounds(3);
    expect(leader()).toBe(1);
    expect(cluster.members[0].loop.view.snapshot?.epoch).toBe(cluster.published?.epoch);
    expect(cluster.violations).toEqual([]);
  });

  test("can publish nothing when it wakes after its lease has run out", async () => {
    await rollingOut();
    for (const rank of RANKS) await cluster.poll(rank, 1, true);
    const before = cluster.published?.epoch ?? 0;
    // Nothing runs for longer than a lease: then everything that waited comes at once.
    cluster.nowMs += 10_000;
    await cluster.deliver();
    await settle();
    expect(cluster.published?.epoch).toBe(before);
    await rounds(4);
    expect(leader()).toBeGreaterThanOrEqual(0);
    expect(cluster.violations).toEqual([]);
  });
});

test("what ranks say of a group that was given up does not count for the next", async () => {
  await rollingOut();
  const { epoch } = view().rollout.pending as { epoch: number };
  for (const rank of RANKS) await cluster.poll(rank, 1, true);
  await cluster.order({ kind: "pause" }, 1);
  await settle();
  expect(view().rollout.pending).toBeNull();
  await cluster.order({ kind: "resume" }, 1);
  await cluster.order({ kind: "rebalance" }, 1);
  await settle();
  expect(view().rollout.pending?.epoch).toBeGreaterThan(epoch);
  await cluster.deliver();
  await settle();
  expect(view().rollout.pending).toMatchObject({ phase: "prepare" });
  await obeyed();
  expect(cluster.violations).toEqual([]);
});

describe("an operator", () => {
  test("drains a rank, which serves on until its experts are elsewhere, and takes it back", async () => {
    await cluster.order({ kind: "drain", rank: 2 }, 1);
    await settle();
    expect(named()).toEqual(RANKS);
    await obeyed();
    expect(named()).toEqual(without(2));
    expect(cluster.published?.missing).toEqual([]);
    await cluster.order({ kind: "undrain", rank: 2 }, 1);
    await settle();
    await obeyed();
    expect(named()).toEqual(RANKS);
    expect(cluster.violations).toEqual([]);
  });

  test("pauses placements, not shares", async () => {
    await cluster.order({ kind: "pause" }, 1);
    for (let seed = 1; seed < 12; seed++) {
      await cluster.load(seed, 1);
      await rounds(2);
      await obeyed();
    }
    expect(view().epochs.filter(({ movedSlots }) => movedSlots > 0)).toEqual([]);
    expect(view().epochs.length).toBeGreaterThan(1);
    expect(view().report?.decision).toMatch(/^paused; it would be |^forecast/);
    await cluster.order({ kind: "resume" }, 1);
    await cluster.load(5, 1);
    await rounds(6);
    await obeyed();
    expect(view().epochs.filter(({ movedSlots }) => movedSlots > 0).length).toBeGreaterThan(0);
  });

  test("goes back to an epoch, which stays until it is resumed", async () => {
    const first = (cluster.published as RoutingSnapshot).placement;
    await rollingOut();
    await obeyed();
    expect(cluster.published?.placement).not.toEqual(first);
    await cluster.order({ kind: "rollback", epoch: 1 }, 1);
    await settle();
    await obeyed();
    expect(cluster.published?.placement).toEqual(first);
    expect(cluster.published?.change.reason).toContain("back to the placement of epoch 1");
    expect(view().operatorState.paused).toBe(true);
    expect(cluster.violations).toEqual([]);
  });

  test("is in the audit log, with every order, the newest first", async () => {
    await cluster.order({ kind: "pause" }, 0);
    await cluster.order({ kind: "drain", rank: 1 }, 1);
    const entries = await cluster.members[0].loop.audit(10);
    expect(entries.map(({ entry }) => JSON.parse(entry) as unknown)).toEqual([
      { by: "test", gateway: "gateway 1", order: { kind: "drain", rank: 1 } },
      { by: "test", gateway: "gateway 0", order: { kind: "pause" } },
    ]);
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

test("a new leader goes on from what the old one had learned of the load", async () => {
  await cluster.load(3, 1);
  await rounds(101);
  await obeyed();
  const plan = cluster.published?.change.reason;
  expect(plan).toBeDefined();
  cluster.members[0].store.cut();
  await rounds(6);
  const { placement } = cluster.published as RoutingSnapshot;
  await cluster.order({ kind: "rebalance" }, 1);
  await settle();
  await obeyed();
  // It knows the load: the placement made for it stays.
  expect(cluster.published?.placement).toEqual(placement);
});
