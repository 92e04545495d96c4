import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PoolView } from "../../src/control/follow/pool-view.ts";
import { ControlLoop } from "../../src/control/control-loop.ts";
import { LocalPlanner } from "../../src/control/plan/local-planner.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { UNKNOWN_MACHINE } from "../../src/core/planning/machine.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { HandDrivenPlane, windowOf } from "../../harness/fakes/hand-driven-plane.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { smallRandomLoad } from "../small-planner.ts";

const ROUND_MS = 100;
const WALL_MS = 1_700_000_000_000;

/** Of every bit of a snapshot that a reader can see. */
function fingerprint({ placement, replicas, shares, ...rest }: RoutingSnapshot): string {
  const hash = createHash("sha256");
  const { physicalToLogical, ...shape } = placement;
  hash.update(JSON.stringify([rest, shape]));
  for (const array of [physicalToLogical, replicas.offsets, replicas.slots, shares.values, shares.prices]) {
    hash.update(array as Float64Array);
  }
  return hash.digest("hex");
}

let nowMs: number;
let plane: HandDrivenPlane;
let store: LocalStore;
let faults: Error[];
let loop: ControlLoop;

function open(prepareTimeoutMs: number, gateway = "one", view?: PoolView): void {
  const planned = {
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    policy: BALANCE_POLICIES.plimsoll,
    cadence: { sharesMs: ROUND_MS, placementMs: 10 * ROUND_MS },
    machine: UNKNOWN_MACHINE,
  };
  loop = new ControlLoop({
    gateway,
    plane,
    store,
    leaseMs: 60_000,
    planner: new LocalPlanner(planned, nowMs),
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    roundMs: ROUND_MS,
    prepareTimeoutMs,
    stagingBytes: 1e12,
    rankSilenceMs: 0,
    clock: { now: () => nowMs },
    wallClock: () => WALL_MS + nowMs,
    onNotice: () => {},
    onFault: (fault) => faults.push(fault),
    ...(view === undefined ? {} : { view }),
  });
}

beforeEach(() => {
  // Signals keep the real time; only the rounds are driven by hand.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  nowMs = 0;
  plane = new HandDrivenPlane();
  store = new LocalStore(() => nowMs);
  faults = [];
  open(60_000);
});

afterEach(async () => {
  await loop.stop();
  vi.useRealTimers();
});

async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    nowMs += ROUND_MS;
    await vi.advanceTimersByTimeAsync(ROUND_MS);
  }
}

function observe(seed: number): void {
  plane.observation = windowOf(smallRandomLoad(seed), SMALL_MODEL.topk, 4);
}

/** Started and at its first rollout, after ten rounds of a skewed load. @returns the epoch in force */
async function rollingOut(): Promise<number> {
  await loop.start();
  observe(1);
  await rounds(10);
  expect(plane.preparations).toHaveLength(1);
  return loop.snapshot().epoch;
}

/** Lets what was just settled take its course. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe("two loops of one gateway", () => {
  it("never lead at once; the second takes over when the first resigns, and follows by its view", async () => {
    await loop.start();
    observe(1);
    await rounds(1);
    const { view } = loop;
    const { epoch } = loop.snapshot();
    const first = loop;
    open(60_000, "one", view);
    await loop.start();
    expect([first.leading, loop.leading]).toEqual([true, false]);
    await first.resign();
    expect(first.leading).toBe(false);
    await loop.start();
    expect(loop.leading).toBe(true);
    await first.stop(true);
    observe(2);
    await rounds(1);
    expect(view.closed).toBe(false);
    expect(view.epochs.at(-1)?.epoch).toBeGreaterThan(epoch);
    expect(plane.commits.at(-1)).toBe(view.snapshot);
    expect(faults).toEqual([]);
  });

  it("a loop that has resigned can compete again", async () => {
    await loop.start();
    await loop.resign();
    expect(loop.leading).toBe(false);
    await loop.start();
    expect([loop.leading, loop.totals.terms]).toEqual([true, 2]);
  });
});

describe("the start", () => {
  it("publishes and commits the first epoch before anything is known", async () => {
    expect(() => loop.snapshot()).toThrow("has no epoch yet");
    await loop.start();
    expect(loop.snapshot()).toMatchObject({
      pool: "hand",
      model: "small",
      epoch: 1,
      change: { movedSlots: 0 },
    });
    expect(plane.commits).toEqual([loop.snapshot()]);
    expect(loop.leading).toBe(true);
    expect(loop.view.report).toBeNull();
  });

  it("is given up when the loop stops meanwhile", async () => {
    const observed = vi.spyOn(plane, "observe");
    await Promise.all([loop.start(), loop.stop()]);
    await rounds(3);
    expect(observed).not.toHaveBeenCalled();
  });

  it("goes on from the epochs that a store already has", async () => {
    await loop.start();
    await loop.stop();
    open(60_000, "two");
    await loop.start();
    expect(loop.snapshot().epoch).toBe(1);
    observe(1);
    await rounds(10);
    expect(plane.preparations[0].epoch).toBe(loop.snapshot().epoch + 1);
  });
});

describe("a round", () => {
  it("says nothing while the ranks say nothing", async () => {
    await loop.start();
    await rounds(20);
    expect(loop.view.report).toBeNull();
    expect(loop.view.snapshot?.epoch).toBe(1);
  });

  it("reports what was observed to everybody who listens", async () => {
    const heard: PoolReport[] = [];
    const stopListening = loop.view.onReport((report) => heard.push(report));
    await loop.start();
    observe(1);
    await rounds(2);
    expect(loop.view.report).toMatchObject({ epoch: loop.snapshot().epoch });
    stopListening();
    await rounds(1);
    expect(heard.map(({ atMs }) => atMs - WALL_MS)).toEqual([100, 200]);
    const [report] = heard;
    expect(report).toMatchObject({ pool: "hand", model: "small", balancedness: 0.5, stepMs: 3 });
    expect(report.hopsPerToken).toBeCloseTo(SMALL_MODEL.topk, 9);
    expect(report.nodeHopsPerToken).toBeCloseTo(SMALL_MODEL.topk / 2, 9);
    expect(report.gpuLoad).toEqual([1, 1, 1, 1]);
    expect(report.ranks).toEqual([{ running: 1, waiting: 2, kvUse: 0.25 }]);
    const { tokens } = smallRandomLoad(1);
    const mean = tokens.subarray(0, 32).reduce((sum, value) => sum + value, 0) / 32;
    expect(report.expertLoad[0][5]).toBeCloseTo(tokens[5] / mean, 2);
    expect(loop.view.report?.atMs).toBe(WALL_MS + 300);
  });

  it("that takes long takes the place of those that would have begun meanwhile", async () => {
    const slow = Promise.withResolvers<null>();
    const observed = vi.spyOn(plane, "observe").mockReturnValueOnce(slow.promise);
    await loop.start();
    await rounds(5);
    expect(observed).toHaveBeenCalledTimes(1);
    slow.resolve(null);
    await settle();
    await rounds(2);
    expect(observed).toHaveBeenCalledTimes(3);
  });

  it("that cannot observe is reported, and the next one goes on", async () => {
    await loop.start();
    plane.observation = new Error("no ranks");
    await rounds(1);
    expect(faults.map(({ message }) => message)).toEqual(["no ranks"]);
    observe(1);
    await rounds(1);
    expect(loop.view.report?.atMs).toBe(WALL_MS + nowMs);
  });
});

describe("a rollout", () => {
  it("publishes a placement once every rank is ready, and not before", async () => {
    const epoch = await rollingOut();
    const [preparation] = plane.preparations;
    expect(preparation.epoch).toBe(epoch + 1);
    expect(loop.view.rollout).toMatchObject({ retire: 1, pending: { epoch: epoch + 1, phase: "prepare" } });
    expect(loop.view.snapshot?.epoch).toBe(epoch);
    expect(plane.commits).toHaveLength(epoch);
    preparation.done();
    await settle();
    expect(loop.view.rollout).toEqual({ retire: epoch + 1, issued: epoch + 1, pending: null });
    const published = loop.snapshot();
    expect(published).toMatchObject({
      epoch: epoch + 1,
      change: { kind: "placement", atMs: WALL_MS + nowMs },
    });
    expect(published.change.reason).toMatch(/^re-placed: /);
    expect(published.change.movedSlots).toBeGreaterThan(0);
    expect(published.placement).toEqual(preparation.placement);
    expect(plane.commits.at(-1)).toBe(published);
    await rounds(1);
    expect(loop.view.report).toMatchObject({ epoch: epoch + 1, movedSlots: published.change.movedSlots });
  });

  it("lets rounds go on, but decides nothing new", async () => {
    const epoch = await rollingOut();
    observe(2);
    await rounds(15);
    expect(plane.preparations).toHaveLength(1);
    expect(loop.view.snapshot?.epoch).toBe(epoch);
    expect(loop.view.report).toMatchObject({ atMs: WALL_MS + nowMs, epoch });
  });

  it("is followed by shares, which need no preparation", async () => {
    const epoch = await rollingOut();
    plane.preparations[0].done();
    observe(2);
    await rounds(3);
    expect(plane.preparations).toHaveLength(1);
    expect(loop.view.epochs[0]).toMatchObject({ pool: "hand", epoch: 1, kind: "placement", movedSlots: 0 });
    expect(loop.view.epochs.slice(epoch, epoch + 2)).toMatchObject([
      { pool: "hand", epoch: epoch + 1, kind: "placement" },
      { pool: "hand", epoch: epoch + 2, kind: "shares", movedSlots: 0, movedBytes: 0 },
    ]);
    expect(loop.snapshot().placement).toEqual(plane.preparations[0].placement);
    expect(plane.commits.map((commit) => commit.epoch)).toEqual(loop.view.epochs.map((told) => told.epoch));
  });

  it("that a rank refuses changes nothing, is reported, and is tried again at the next interval", async () => {
    const epoch = await rollingOut();
    plane.preparations[0].fail(new Error("rank 3 is out of memory"));
    await settle();
    expect(faults.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^pool hand: given up: re-placed: .* \(rank 3 is out of memory\)$/) as string,
    ]);
    expect(loop.view.rollout.pending).toBeNull();
    expect(loop.snapshot().epoch).toBe(epoch);
    expect(plane.commits).toHaveLength(epoch);
    await rounds(9);
    expect(plane.preparations).toHaveLength(1);
    await rounds(1);
    expect(plane.preparations).toHaveLength(2);
    plane.preparations[1].done();
    await settle();
    expect(loop.snapshot()).toMatchObject({
      epoch: plane.preparations[1].epoch,
      change: { kind: "placement" },
    });
  });

  it("that takes too long is given up", async () => {
    open(1);
    const epoch = await rollingOut();
    await expect
      .poll(() => faults.map(({ message }) => message))
      .toEqual([
        expect.stringMatching(
          /^pool hand: given up: .* \(ranks 0, 1, 2, 3 are not prepared in time\)$/,
        ) as string,
      ]);
    expect(plane.preparations[0].signal.aborted).toBe(true);
    expect(loop.snapshot().epoch).toBe(epoch);
    expect(plane.commits).toHaveLength(epoch);
  });

  it("is given up when the loop stops, without a fault", async () => {
    const epoch = await rollingOut();
    await loop.stop();
    expect(plane.preparations[0].signal.aborted).toBe(true);
    plane.preparations[0].done();
    await rounds(20);
    expect(loop.view.snapshot?.epoch).toBe(epoch);
    expect(faults).toEqual([]);
  });
});

it("epochs follow each other without gaps, and none changes once published", async () => {
  const published: { snapshot: RoutingSnapshot; fingerprint: string }[] = [];
  loop.view.onSnapshot((snapshot) => published.push({ snapshot, fingerprint: fingerprint(snapshot) }));
  await loop.start();
  for (let seed = 0; seed < 60; seed++) {
    observe(seed);
    await rounds(1);
    if (seed % 3 === 0) for (const preparation of plane.preparations) preparation.done();
  }
  expect(published.length).toBeGreaterThan(20);
  expect(published.map(({ snapshot }) => snapshot.epoch)).toEqual(published.map((_, i) => i + 1));
  expect(new Set(published.map(({ snapshot }) => snapshot.change.kind))).toEqual(
    new Set(["placement", "shares"]),
  );
  for (const each of published) expect(fingerprint(each.snapshot)).toBe(each.fingerprint);
  expect(new Set(published.map((each) => each.fingerprint)).size).toBe(published.length);
  expect(faults).toEqual([]);
});
