import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { ModelCluster } from "../../harness/fakes/model-cluster.ts";
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
    for (const rank of ALL_RANKS) await cluster.poll(rank, 1);
    await settle();
    expect(view().rollout.pending).toMatchObject({ phase: "commit" });
    await cluster.die(3, 1);
    await obeyed();
    expect(view().rollout.pending).toBeNull();
    expect(cluster.published?.missing).toEqual([]);
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
    // What it said of itself is in its view still.
    expect(cluster.members[0].loop.view.leader?.gateway).toBe("gateway 0");
    expect(cluster.members.map(({ loop }) => loop.leader?.gateway ?? null)).toEqual([null, "gateway 1"]);
    expect(view().rollout.pending).toBeNull();
    await obeyed();
    await rollingOut();
    await obeyed();
    expect(cluster.published?.epoch).toBeGreaterThan(before);
    cluster.members[0].store.join();
    await rounds(3);
    expect(leader()).toBe(1);
    expect(cluster.members.map(({ loop }) => loop.leader?.gateway)).toEqual(["gateway 1", "gateway 1"]);
    expect(cluster.members[0].loop.view.snapshot?.epoch).toBe(cluster.published?.epoch);
    expect(cluster.violations).toEqual([]);
  });

  test("can publish nothing when it wakes after its lease has run out", async () => {
    await rollingOut();
    for (const rank of ALL_RANKS) await cluster.poll(rank, 1, true);
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
  for (const rank of ALL_RANKS) await cluster.poll(rank, 1, true);
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
    expect(named()).toEqual(ALL_RANKS);
    await obeyed();
    expect(named()).toEqual(without(2));
    expect(cluster.published?.missing).toEqual([]);
    await cluster.order({ kind: "undrain", rank: 2 }, 1);
    await settle();
    await obeyed();
    expect(named()).toEqual(ALL_RANKS);
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
    expect(entries).toMatchObject([
      { by: "test", gateway: "gateway 1", order: { kind: "drain", rank: 1 } },
      { by: "test", gateway: "gateway 0", order: { kind: "pause" } },
    ]);
  });
});

describe("what was decided", () => {
  const changes = () =>
    view()
      .decisions.filter(({ kind }) => ["placement", "loss", "repair"].includes(kind))
      .map(({ kind, state, why }) => [kind, state, why]);

  test("is known to every gateway: what was predicted, what is published, and how it ended", async () => {
    await rollingOut();
    await rounds(1);
    expect(view().decisions.at(-1)).toMatchObject({ kind: "placement", state: "under way", movedSlots: 0 });
    await obeyed();
    await rounds(1);
    const { weighed, ...placed } = view().decisions.findLast(({ kind }) => kind === "placement") ?? {};
    const moved = view().epochs.reduce((sum, { movedSlots }) => sum + movedSlots, 0);
    expect(placed).toMatchObject({ state: "done", stages: { done: 1, of: 1 }, movedSlots: moved });
    expect(weighed?.movedSlots).toBe(moved);
    expect(weighed?.after.balancedness).toBeGreaterThan(weighed?.before.balancedness ?? 1);
  });

  test("tells a loss, what it ended, and what was brought back", async () => {
    await rollingOut();
    for (const rank of [0, 1, 2, 3, 4]) await cluster.die(rank, 1);
    await settle();
    await cluster.load(1, 1);
    await rounds(1);
    await obeyed();
    await cluster.load(1, 1);
    await rounds(1);
    const [first, ...others] = changes();
    expect(first).toEqual(["placement", "given up", "rank 0 is lost"]);
    expect(others).toContainEqual(["loss", "done", null]);
    expect(others.at(-1)).toEqual(["repair", "done", null]);
  });

  test("goes on under the next leader; what was under way is given up", async () => {
    await rollingOut();
    await rounds(1);
    const id = view().decisions.findLast(({ state }) => state === "under way")?.id;
    expect(id).toBeDefined();
    cluster.members[0].store.cut();
    await rounds(6);
    await cluster.load(1, 1);
    await rounds(1);
    expect(view().decisions.find((one) => one.id === id)).toMatchObject({
      state: "given up",
      why: "its leader went",
    });
  });
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
