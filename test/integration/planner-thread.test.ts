import { expect, test } from "vitest";
import { PlannerThread } from "../../src/control/plan/planner-thread.ts";
import { Balancer } from "../../src/core/planning/balancer.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { windowOf } from "../../harness/fakes/hand-driven-plane.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { SMALL_PLANNER, smallRandomLoad } from "../small-planner.ts";

const START_MS = 500;
const clock = { now: () => START_MS };
const capacity = fullCapacity(SMALL_TOPOLOGY);

function open(): PlannerThread {
  return new PlannerThread(SMALL_PLANNER, clock, (fault) => {
    throw fault;
  });
}

test("the thread decides what a balancer decides of the same observations, to the last bit", async () => {
  const { policy, cadence } = SMALL_PLANNER;
  const balancer = new Balancer(SMALL_MODEL, SMALL_TOPOLOGY, policy, cadence, START_MS);
  const planner = open();
  try {
    expect(await planner.current()).toEqual(balancer.current);
    const kinds = new Set<string>();
    for (let round = 1; round <= 60; round++) {
      const nowMs = START_MS + round * 100;
      const window = windowOf(smallRandomLoad(round >> 2), SMALL_MODEL.topk, 4);
      // As during a rollout: some rounds only observe.
      const decide = round % 7 !== 0;
      balancer.observe(window.load, window.spanMs, window.routing, window);
      const expected = decide ? balancer.decide(nowMs) : null;
      const { decision } = await planner.plan({ nowMs, windows: [window], decide, capacity });
      expect(decision).toEqual(expected);
      kinds.add(decision?.kind ?? "none");
      if (decision === null || expected === null || decision.kind === "keep") continue;
      planner.accept(decision.plan);
      balancer.accept(expected.plan);
      expect(await planner.current()).toEqual(expected.plan);
    }
    expect(kinds).toEqual(new Set(["none", "keep", "shares", "placement"]));
  } finally {
    await planner.close();
  }
});

test("a window without tokens is not counted in", async () => {
  const planner = open();
  try {
    await planner.current();
    const window = { ...windowOf(smallRandomLoad(1), SMALL_MODEL.topk, 4), tokens: 0 };
    const { decision, expertLoad } = await planner.plan({
      nowMs: START_MS + 1000,
      windows: [window],
      decide: true,
      capacity,
    });
    expect(decision).toBeNull();
    expect(new Set(expertLoad.flat())).toEqual(new Set([0]));
  } finally {
    await planner.close();
  }
});

test("closing refuses what is open", async () => {
  const planner = open();
  const asked = planner.current();
  await Promise.all([expect(asked).rejects.toThrow("the planner is closed"), planner.close()]);
});
