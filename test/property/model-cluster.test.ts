import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Order } from "../../src/control/messages/pool-message.ts";
import type { Stored } from "../../src/control/follow/pool-view.ts";
import { Rng } from "../../src/lib/rng.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { BEFORE, LATER } from "../../harness/fakes/other-version.ts";
import { ModelCluster, ROUND_MS, TOPOLOGY } from "../../harness/fakes/model-cluster.ts";
import { runs } from "../runs.ts";

const GATEWAYS = 3;
const RANKS = gpuCount(TOPOLOGY);
const SILENCE_MS = 6 * ROUND_MS;
/** It takes seconds; beside much other work, far more. */
const PATIENT_MS = 120_000;

beforeEach(() =>
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] }),
);
afterEach(() => vi.useRealTimers());

const gateway = fc.nat(GATEWAYS - 1);
const rank = fc.nat(RANKS - 1);
const late = fc.boolean();
const all = fc.constant(Array.from({ length: RANKS }, (_, i) => i));
const order: fc.Arbitrary<Order> = fc.oneof(
  fc.record({ kind: fc.constantFrom("drain" as const, "undrain" as const), rank }),
  fc.record({
    kind: fc.constantFrom("pause" as const, "resume" as const, "resume" as const, "rebalance" as const),
  }),
  fc.record({ kind: fc.constant("rollback" as const), epoch: fc.integer({ min: 1, max: 30 }) }),
);

/** Something that happens. To add a kind: how often, what it is drawn from, and what it does. */
interface Kind<T> {
  readonly weight: number;
  readonly drawn: fc.Arbitrary<T>;
  take(cluster: ModelCluster, drawn: T): Promise<unknown>;
}

interface Step {
  [fc.toStringMethod](): string;
  take(cluster: ModelCluster): Promise<unknown>;
}

function steps<T>(
  kind: string,
  { weight, drawn, take }: Kind<T>,
): fc.WeightedArbitrary<Step> & { readonly kind: string } {
  const step = (what: T): Step => ({
    take: (cluster) => take(cluster, what),
    [fc.toStringMethod]: () => `${kind} ${fc.stringify(what)}`,
  });
  return { kind, weight, arbitrary: drawn.map(step) };
}

/** What is sent to the leader at once, so that it comes in one delivery. */
const MESSAGES = [
  steps("die", {
    weight: 2,
    drawn: fc.record({ rank, gateway, late, named: fc.boolean() }),
    // A loss that comes late must say which start of the rank was lost.
    take: (cluster, { rank: one, gateway: via, late: slow, named }) =>
      cluster.die(one, via, slow, named || slow),
  }),
  steps("recover", {
    weight: 2,
    drawn: fc.record({ rank, gateway }),
    take: (cluster, { rank: one, gateway: via }) => cluster.recover(one, via),
  }),
  steps("restart", {
    weight: 2,
    drawn: fc.record({ rank, gateway, late, says: fc.constantFrom("ready" as const, "nothing" as const) }),
    take: (cluster, { rank: one, gateway: via, says, late: slow }) => cluster.restart(one, via, says, slow),
  }),
  steps("order", {
    weight: 2,
    drawn: fc.record({ order, gateway }),
    take: (cluster, { order: what, gateway: via }) => cluster.order(what, via),
  }),
];

const STEPS = [
  ...MESSAGES,
  steps("time", {
    weight: 9,
    drawn: fc.record({ rounds: fc.integer({ min: 1, max: 4 }), gateway }),
    take: async (cluster, { rounds: count, gateway: via }) => {
      for (let i = 0; i < count; i++) {
        await cluster.report(via);
        await rounds(cluster, 1);
      }
    },
  }),
  steps("load", {
    weight: 7,
    drawn: fc.record({ seed: fc.integer({ min: 1, max: 9 }), gateway }),
    take: (cluster, { seed, gateway: via }) => cluster.load(seed, via),
  }),
  steps("poll", {
    weight: 16,
    drawn: fc.record({
      ranks: fc.oneof(
        { weight: 3, arbitrary: all },
        { weight: 1, arbitrary: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]) },
      ),
      gateway,
      late,
    }),
    take: async (cluster, { ranks, gateway: via, late: slow }) => {
      for (const one of ranks) await cluster.poll(one, via, slow);
    },
  }),
  steps("deliver", { weight: 5, drawn: fc.constant(null), take: (cluster) => cluster.deliver() }),
  steps("cut", {
    weight: 1,
    drawn: fc.record({ gateway, after: fc.nat(6) }),
    take: async (cluster, { gateway: which, after }) => cluster.members[which].store.cutAfter(after),
  }),
  steps("join", {
    weight: 1,
    drawn: gateway,
    take: async (cluster, which) => cluster.members[which].store.join(),
  }),
  steps("planners fail", {
    weight: 2,
    drawn: fc.record({ failures: fc.integer({ min: 1, max: 4 }), after: fc.nat(3) }),
    take: async (cluster, { failures, after }) => {
      for (const { planner } of cluster.members) planner.fail(failures, after);
    },
  }),
  steps("a clock jumps", {
    weight: 1,
    drawn: fc.record({ rank, to: fc.constantFrom(0, 50, 100_000) }),
    take: async (cluster, { rank: one, to }) => {
      cluster.clocks[one] = to;
    },
  }),
  steps("one delivery", {
    weight: 3,
    drawn: fc.array(fc.oneof(...MESSAGES), { minLength: 2, maxLength: 5 }),
    take: (cluster, messages) => Promise.all(messages.map((one) => one.take(cluster))),
  }),
];
/** A gateway takes up another configuration. */
const RELOADS = [
  steps("reload", { weight: 2, drawn: gateway, take: (cluster, which) => cluster.reload(which) }),
];
/** What is damaged, of a later major version, or nobody's. */
const UNREADABLE = [
  steps("unreadable bytes", {
    weight: 3,
    drawn: fc.record({
      where: fc.constantFrom<Stored | "message">(
        "message",
        "epoch",
        "rollout",
        "orders",
        "leader",
        "report",
        "learned",
        "decisions",
      ),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom("", "null", "{}", '{"v":2}').map((text) => new TextEncoder().encode(text)),
      ),
    }),
    take: async (cluster, { where, bytes }) => {
      await cluster.leave(where, bytes);
      // Its leader puts it right before anything depends on it.
      await rounds(cluster, 1);
    },
  }),
];
const step: fc.Arbitrary<Step> = fc.oneof(...STEPS, ...RELOADS, ...UNREADABLE);

async function settle(): Promise<void> {
  // Promises only: nothing of it waits for a timer.
  await vi.advanceTimersByTimeAsync(0);
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function rounds(cluster: ModelCluster, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    cluster.nowMs += ROUND_MS;
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    await settle();
  }
}

async function make(cluster: ModelCluster, action: Step): Promise<void> {
  await action.take(cluster);
  await settle();
}

/** Longer than a silence, a lease and the time between placements. */
const SPELL_ROUNDS = 10;
const SPELL_POLLS = 14;
const MOST_SPELLS = 12;

/**
 * Everybody is there again, and does as the protocol wants.
 * @returns whether all became well, and stayed so for a spell
 */
async function recovers(cluster: ModelCluster): Promise<boolean> {
  for (const { store, planner } of cluster.members) {
    store.join();
    planner.fail(0);
  }
  await cluster.deliver();
  for (let one = 0; one < RANKS; one++) await cluster.recover(one, 0);
  for (let spell = 0, well = false; spell < MOST_SPELLS; spell++) {
    for (let round = 0; round < SPELL_ROUNDS; round++) {
      await cluster.report(0);
      await rounds(cluster, 1);
    }
    for (let i = 0; i < SPELL_POLLS; i++) {
      for (let one = 0; one < RANKS; one++) await cluster.poll(one, 1);
      await settle();
    }
    const before = well;
    well = isWell(cluster);
    if (before && well) return true;
  }
  return false;
}

/** One leads, it counts on every rank and has nothing under way, and what it published lacks nothing and is everywhere. */
function isWell({ leaders, members, published }: ModelCluster): boolean {
  if (leaders.length !== 1 || published?.missing.length !== 0) return false;
  const { operatorState, rollout } = leaders[0].loop.view;
  return (
    operatorState.lost.length === 0 &&
    rollout.pending === null &&
    members.every(({ loop }) => loop.view.snapshot?.epoch === published.epoch)
  );
}

test(
  "ranks die and restart, planners fail, gateways are cut off and reload, leaders change, operators order, clocks jump: no snapshot names what is not there, no epoch falls, and all is well again in the end",
  async () => {
    const seen = {
      epochs: 0,
      placements: 0,
      degraded: 0,
      terms: 0,
      givenUp: 0,
      restarts: 0,
      failures: 0,
      unreadable: 0,
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 70 }), async (actions) => {
        const cluster = new ModelCluster(GATEWAYS, SILENCE_MS);
        try {
          await cluster.start();
          for (const action of actions) {
            await make(cluster, action);
            expect(cluster.violations).toEqual([]);
            expect(cluster.leaders.length).toBeLessThanOrEqual(1);
          }
          seen.degraded += Number((cluster.published?.missing.length ?? 0) > 0);
          expect(await recovers(cluster)).toBe(true);
          expect(cluster.violations).toEqual([]);
          expect(cluster.published?.missing).toEqual([]);
          expect(cluster.leaders.length).toBe(1);
          const [{ loop: leading }] = cluster.leaders;
          expect(leading.view.operatorState.lost).toEqual([]);
          expect(
            new Map(leading.view.operatorState.incarnations.map((one) => [one.rank, one.incarnation])),
          ).toEqual(new Map(cluster.ranks.map((one) => [one.rank, one.incarnation])));
          const epochs = cluster.members.map(({ loop }) => loop.view.snapshot?.epoch);
          expect(new Set(epochs).size).toBe(1);
          for (const { loop } of cluster.members) {
            seen.terms += loop.totals.terms;
            seen.givenUp += loop.totals.rolloutsGivenUp;
            for (const dropped of loop.view.reading.dropped.values()) seen.unreadable += dropped;
          }
          seen.epochs += cluster.members[0].epochs.length;
          seen.placements += cluster.members[0].loop.view.epochs.filter(
            ({ movedSlots }) => movedSlots > 0,
          ).length;
          seen.restarts += leading.view.operatorState.incarnations.filter(({ begun }) => begun).length;
          seen.failures += cluster.faults.filter(({ message }) => message === "the planner is lost").length;
        } finally {
          await cluster.stop();
        }
      }),
      {
        seed: Number(process.env["PLIMSOLL_CLUSTER_SEED"] ?? 20261124),
        numRuns: runs(40),
        endOnFailure: true,
      },
    );
    // A run in which nothing happens shows nothing.
    for (const [what, count] of Object.entries(seen)) expect([what, count > 0]).toEqual([what, true]);
  },
  PATIENT_MS,
);

test("a rank that reports is never lost, whatever its clock shows and whoever speaks in its name for a moment", async () => {
  const moment = fc.record({
    rounds: fc.integer({ min: 1, max: 12 }),
    rank,
    clock: fc.integer({ min: -100_000, max: 100_000 }),
    spoofed: fc.nat(2 ** 40),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { minLength: 2, maxLength: 12 }), async (moments) => {
      const cluster = new ModelCluster(1, SILENCE_MS);
      try {
        cluster.nowMs = 200_000 * ROUND_MS;
        await cluster.start();
        for (const { rounds: count, rank: one, clock, spoofed } of moments) {
          cluster.clocks[one] = clock;
          await cluster.spoof(one, spoofed);
          for (let i = 0; i < count; i++) {
            await cluster.report(0);
            await rounds(cluster, 1);
          }
          expect(cluster.members[0].loop.view.operatorState.lost).toEqual([]);
        }
        const { late: wasLate, duplicate } = cluster.members[0].inbox.counts;
        // A jump costs a window, and what it repeats; the rest counts.
        expect(wasLate).toBeLessThanOrEqual(2 * moments.length);
        expect(duplicate).toBeLessThanOrEqual(6 * moments.length);
      } finally {
        await cluster.stop();
      }
    }),
    { seed: 5, numRuns: runs(30) },
  );
});

test("gateways' clocks that jump, forwards and back, change nothing", async () => {
  const histories = fc.sample(fc.array(step, { minLength: 120, maxLength: 120 }), {
    seed: 7,
    numRuns: runs(4),
  });
  const run = async (actions: readonly Step[], wallClock: () => number) => {
    const cluster = new ModelCluster(GATEWAYS, 0, wallClock);
    try {
      await cluster.start();
      for (const action of actions) await make(cluster, action);
      const { members, published } = cluster;
      return { epochs: members.map(({ epochs }) => epochs), slots: published?.placement.physicalToLogical };
    } finally {
      await cluster.stop();
    }
  };
  const rng = new Rng(7);
  let epochs = 0;
  for (const actions of histories) {
    const steady = await run(actions, () => 1_700_000_000_000);
    expect(await run(actions, () => rng.below(2 ** 42))).toEqual(steady);
    epochs += steady.epochs[0].length;
  }
  expect(epochs).toBeGreaterThan(20);
});

/** Every rank's death is known before it starts again: the version before has no incarnations. */
const OF_ALL_VERSIONS = [
  ...[...STEPS, ...RELOADS, ...UNREADABLE].filter(({ kind }) =>
    ["time", "load", "cut", "join", "order", "reload", "unreadable bytes"].includes(kind),
  ),
  steps("poll", {
    weight: 12,
    drawn: gateway,
    take: async (cluster, via) => {
      for (let one = 0; one < RANKS; one++) await cluster.poll(one, via);
    },
  }),
  steps("die", {
    weight: 2,
    drawn: fc.record({ rank, gateway }),
    take: (cluster, { rank: one, gateway: via }) => cluster.die(one, via),
  }),
  steps("recover", {
    weight: 2,
    drawn: fc.record({ rank, gateway }),
    take: async (cluster, { rank: one, gateway: via }) => {
      const [leader] = cluster.leaders;
      if (leader?.loop.view.operatorState.lost.some((lost) => lost.rank === one))
        await cluster.recover(one, via);
    },
  }),
];

test(
  "gateways of three versions on one store, in any order: the same holds",
  async () => {
    const seen = { before: 0, now: 0, later: 0 };
    const versions = fc.shuffledSubarray(["before", "now", "later"] as const, { minLength: 3 });
    const run = fc.tuple(versions, fc.array(fc.oneof(...OF_ALL_VERSIONS), { minLength: 20, maxLength: 60 }));
    await fc.assert(
      fc.asyncProperty(run, async ([names, actions]) => {
        const written = { before: BEFORE, now: null, later: LATER };
        const cluster = new ModelCluster(
          GATEWAYS,
          SILENCE_MS,
          () => 0,
          names.map((name) => written[name]),
        );
        try {
          await cluster.start();
          for (const action of actions) {
            await make(cluster, action);
            expect(cluster.violations).toEqual([]);
          }
          for (const { store } of cluster.members) store.join();
          // What was lost is found to be, before it is there again.
          for (let i = 0; i < 10; i++) {
            await cluster.report(0);
            await rounds(cluster, 1);
          }
          expect(await recovers(cluster)).toBe(true);
          expect(cluster.violations).toEqual([]);
          expect(cluster.published?.missing).toEqual([]);
          expect(cluster.leaders.length).toBe(1);
          expect(cluster.leaders[0].loop.view.operatorState.lost).toEqual([]);
          expect(new Set(cluster.members.map(({ loop }) => loop.view.snapshot?.epoch)).size).toBe(1);
          for (const [i, name] of names.entries()) seen[name] += cluster.members[i].loop.totals.terms;
        } finally {
          await cluster.stop();
        }
      }),
      { seed: 20261130, numRuns: runs(10) },
    );
    // Each has led.
    for (const [name, terms] of Object.entries(seen)) expect([name, terms > 0]).toEqual([name, true]);
  },
  PATIENT_MS,
);
