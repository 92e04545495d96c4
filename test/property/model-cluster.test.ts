import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Order } from "../../src/control/messages/pool-message.ts";
import { Rng } from "../../src/lib/rng.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { ModelCluster, ROUND_MS, TOPOLOGY } from "../../harness/fakes/model-cluster.ts";

const GATEWAYS = 3;
const RANKS = gpuCount(TOPOLOGY);

beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => vi.useRealTimers());

type Step =
  | { readonly kind: "time"; readonly rounds: number }
  | { readonly kind: "report"; readonly seed: number; readonly gateway: number }
  | {
      readonly kind: "poll";
      readonly ranks: readonly number[];
      readonly gateway: number;
      readonly late: boolean;
    }
  | { readonly kind: "deliver" }
  | { readonly kind: "cut" | "join" | "reload"; readonly gateway: number }
  | { readonly kind: "die" | "recover"; readonly rank: number; readonly gateway: number }
  | { readonly kind: "order"; readonly order: Order; readonly gateway: number };

const gateway = fc.nat(GATEWAYS - 1);
const rank = fc.nat(RANKS - 1);
const all = fc.constant(Array.from({ length: RANKS }, (_, i) => i));
const order: fc.Arbitrary<Order> = fc.oneof(
  fc.record({ kind: fc.constantFrom("drain" as const, "undrain" as const), rank }),
  fc.record({
    kind: fc.constantFrom("pause" as const, "resume" as const, "resume" as const, "rebalance" as const),
  }),
  fc.record({ kind: fc.constant("rollback" as const), epoch: fc.integer({ min: 1, max: 30 }) }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("time" as const), rounds: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      seed: fc.integer({ min: 1, max: 9 }),
      gateway,
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("poll" as const),
      ranks: fc.oneof(
        { weight: 3, arbitrary: all },
        { weight: 1, arbitrary: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]) },
      ),
      gateway,
      late: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "deliver" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("cut" as const, "join" as const), gateway }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reload" as const), gateway }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("die" as const, "recover" as const), rank, gateway }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("order" as const), order, gateway }) },
);

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

async function take(cluster: ModelCluster, action: Step): Promise<void> {
  switch (action.kind) {
    case "time":
      await rounds(cluster, action.rounds);
      break;
    case "report":
      await cluster.report(action.seed, action.gateway);
      break;
    case "poll":
      for (const one of action.ranks) await cluster.poll(one, action.gateway, action.late);
      break;
    case "deliver":
      await cluster.deliver();
      break;
    case "cut":
      cluster.members[action.gateway].store.cut();
      break;
    case "join":
      cluster.members[action.gateway].store.join();
      break;
    case "reload":
      await cluster.reload(action.gateway);
      break;
    case "die":
      await cluster.die(action.rank, action.gateway);
      break;
    case "recover":
      await cluster.recover(action.rank, action.gateway);
      break;
    case "order":
      await cluster.order(action.order, action.gateway);
  }
  await settle();
}

test("ranks die, gateways are cut off and reload, leaders change, operators order: no snapshot names what is not there, no epoch falls, and all is well again in the end", async () => {
  const seen = { epochs: 0, placements: 0, degraded: 0, terms: 0, givenUp: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 70 }), async (steps) => {
      const cluster = new ModelCluster(GATEWAYS);
      try {
        await cluster.start();
        for (const action of steps) {
          await take(cluster, action);
          expect(cluster.violations).toEqual([]);
          expect(cluster.leaders.length).toBeLessThanOrEqual(1);
        }
        seen.degraded += Number((cluster.published?.missing.length ?? 0) > 0);
        for (const { store } of cluster.members) store.join();
        for (let one = 0; one < RANKS; one++) await cluster.recover(one, 0);
        await rounds(cluster, 3);
        for (let i = 0; i < 2; i++) {
          for (let one = 0; one < RANKS; one++) await cluster.recover(one, 0);
          await rounds(cluster, 60);
          for (let j = 0; j < 80; j++) {
            for (let one = 0; one < RANKS; one++) await cluster.poll(one, 1);
            await settle();
          }
        }
        expect(cluster.violations).toEqual([]);
        expect(cluster.published?.missing).toEqual([]);
        expect(cluster.leaders.length).toBe(1);
        const epochs = cluster.members.map(({ loop }) => loop.view.snapshot?.epoch);
        expect(new Set(epochs).size).toBe(1);
        for (const { loop } of cluster.members) {
          seen.terms += loop.totals.terms;
          seen.givenUp += loop.totals.rolloutsGivenUp;
        }
        seen.epochs += cluster.members[0].epochs.length;
        seen.placements += cluster.members[0].loop.view.epochs.filter(
          ({ movedSlots }) => movedSlots > 0,
        ).length;
      } finally {
        await cluster.stop();
      }
    }),
    { seed: 20261124, numRuns: Number(process.env["PLIMSOLL_CLUSTER_RUNS"] ?? 60) },
  );
  // A run in which nothing happens shows nothing.
  for (const [what, count] of Object.entries(seen)) expect([what, count > 0]).toEqual([what, true]);
});

test("clocks that jump, forwards and back, change nothing", async () => {
  const histories = fc.sample(fc.array(step, { minLength: 120, maxLength: 120 }), { seed: 7, numRuns: 4 });
  const run = async (steps: readonly Step[], wallClock: () => number) => {
    const cluster = new ModelCluster(GATEWAYS, wallClock);
    try {
      await cluster.start();
      for (const action of steps) await take(cluster, action);
      const { members, published } = cluster;
      return { epochs: members.map(({ epochs }) => epochs), slots: published?.placement.physicalToLogical };
    } finally {
      await cluster.stop();
    }
  };
  const rng = new Rng(7);
  let epochs = 0;
  for (const steps of histories) {
    const steady = await run(steps, () => 1_700_000_000_000);
    expect(await run(steps, () => rng.below(2 ** 42))).toEqual(steady);
    epochs += steady.epochs[0].length;
  }
  expect(epochs).toBeGreaterThan(20);
});
