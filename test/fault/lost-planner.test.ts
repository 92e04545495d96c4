import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { ControlLoop } from "../../src/control/control-loop.ts";
import { PlannerThread } from "../../src/control/plan/planner-thread.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import type { Outlook, Round } from "../../src/control/plan/planner.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { HandDrivenPlane, windowOf } from "../../harness/fakes/hand-driven-plane.ts";
import { patiently } from "../patiently.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { SMALL_PLANNER, smallRandomLoad } from "../small-planner.ts";

let nowMs: number;
let faults: Error[];
let threads: Worker[];
let planner: PlannerThread;
const started = (thread: Worker) => threads.push(thread);

beforeEach(async () => {
  nowMs = 0;
  faults = [];
  threads = [];
  process.on("worker", started);
  planner = new PlannerThread(SMALL_PLANNER, { now: () => nowMs }, (fault) => faults.push(fault));
  await planner.current();
});
afterEach(async () => {
  await planner.close();
  process.off("worker", started);
});

/** The round after `ms` more, of this load. */
function roundOf(seed: number, ms: number): Round {
  nowMs += ms;
  return {
    nowMs,
    windows: [windowOf(smallRandomLoad(seed), SMALL_MODEL.topk, 4)],
    decide: true,
    capacity: fullCapacity(SMALL_TOPOLOGY),
  };
}

/** No planner survives it; who only reports what was measured does not look at what kills it. */
function fatalWindow(): PoolWindow {
  return { ...windowOf(smallRandomLoad(1), SMALL_MODEL.topk, 4), routing: { tokens: 1 } as never };
}

function fatalRound(): Round {
  return { ...roundOf(1, 100), windows: [fatalWindow()] };
}

async function decided(round: Round): Promise<NonNullable<Outlook["decision"]>> {
  const { decision } = await planner.plan(round);
  if (decision === null) throw new Error("nothing was decided");
  return decision;
}

test("a thread that dies in a round fails that round, and the next starts from the current plan", async () => {
  const first = await decided(roundOf(1, 1000));
  expect(first.kind).toBe("placement");
  planner.accept(first.plan);
  await expect(planner.plan(fatalRound())).rejects.toThrow(/^the planner is lost .*TypeError/);
  expect(await planner.current()).toEqual(first.plan);
  expect(threads).toHaveLength(2);
  const next = await decided(roundOf(2, 100));
  expect(next.kind).toBe("shares");
  expect(next.plan.placement).toEqual(first.plan.placement);
  expect(faults).toEqual([]);
});

test("a thread that dies between rounds is reported, and the next round goes on", async () => {
  const { plan } = await decided(roundOf(1, 1000));
  planner.accept(plan);
  await threads[0].terminate();
  expect(faults.map(({ message }) => message)).toEqual(["the planner is lost and starts again: exit code 1"]);
  expect(await planner.current()).toEqual(plan);
});

test("what a lost thread had decided can still be carried out", async () => {
  const { plan } = await decided(roundOf(1, 1000));
  await threads[0].terminate();
  expect(await planner.current()).not.toEqual(plan);
  planner.accept(plan);
  expect(await planner.current()).toEqual(plan);
});

test("the control loop reports the loss and goes on", async () => {
  const plane = new HandDrivenPlane();
  plane.observation = windowOf(smallRandomLoad(1), SMALL_MODEL.topk, 4);
  const loop = new ControlLoop({
    gateway: "one",
    plane,
    store: new LocalStore(),
    leaseMs: 60_000,
    planner,
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    roundMs: 10,
    prepareTimeoutMs: 60_000,
    stagingBytes: 1e12,
    rankSilenceMs: 0,
    clock: { now: () => (nowMs += 100) },
    wallClock: () => nowMs,
    onNotice: () => {},
    onFault: (fault) => faults.push(fault),
  });
  await loop.start();
  const reports = async (count: number) => {
    let heard = 0;
    const stop = loop.view.onReport(() => heard++);
    await expect.poll(() => heard, patiently).toBeGreaterThanOrEqual(count);
    stop();
  };
  await reports(1);
  plane.observation = fatalWindow();
  await expect.poll(() => faults.length, patiently).toBeGreaterThanOrEqual(1);
  plane.observation = windowOf(smallRandomLoad(2), SMALL_MODEL.topk, 4);
  await reports(3);
  expect(loop.snapshot().epoch).toBeGreaterThanOrEqual(1);
  for (const { message } of faults) expect(message).toContain("the planner is lost");
  const [last] = threads.slice(-1);
  const ended = once(last, "exit");
  await loop.stop();
  await ended;
});
