import { describe, expect, it } from "vitest";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { drain } from "../../src/cli/drain.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { settledPlanOf } from "../../src/planner/settled-plans.ts";
import { WIDE_EP_ENGINE } from "../../src/twin/engine-settings.ts";
import { routingSources } from "../../src/twin/routing-sources.ts";
import type { RunPoolShape, VirtualRunOptions } from "../../src/twin/run/run-options.ts";
import { settledPlan } from "../../src/twin/run/settled-plan.ts";
import { type VirtualRunResult, virtualRun } from "../../src/twin/run/virtual-run.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";

/** No placement is due within a run. */
const cadence = { sharesMs: 50, placementMs: 100_000 };
const routing = routingSources(SMALL_MODEL, 2, null);
const pool = {
  model: SMALL_MODEL,
  topology: SMALL_TOPOLOGY,
  hardware: H800,
  engine: WIDE_EP_ENGINE,
  policy: BALANCE_POLICIES.plimsoll,
  cadence,
  seed: 2,
};
const settled = settledPlan({ ...pool, routing: routing() });

function run(begins: RunPoolShape["begins"], given: Partial<VirtualRunOptions> = {}): VirtualRunResult {
  const { hardware: _, engine: __, ...own } = pool;
  const options: VirtualRunOptions = {
    ...own,
    begins,
    routing: routing(),
    traffic: Array.from({ length: 60 }, (___, i) => ({
      arrivalMs: 5 * i,
      inputTokens: 800,
      outputTokens: 4,
    })),
    durationMs: 300,
    assignment: "least-in-flight",
    recorder: new StepRecorder(0),
    fidelity: "analytic",
    ...given,
  };
  return drain(virtualRun(options), () => {});
}

describe("a pool that begins in its stride", () => {
  it("is level from its first steps on, without a placement in the run", () => {
    const [level, plain] = [run(settled), run(undefined)];
    expect(level.movedSlots).toBe(0);
    expect(plain.movedSlots).toBe(0);
    expect(level.balancedness).toBeGreaterThan(0.93);
    expect(level.balancedness).toBeGreaterThan((plain.balancedness ?? 1) + 0.02);
  });

  it("is no other pool's way to begin", () => {
    const decode = { topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 18 }, assignment: "decode" as const };
    const { requests, refused, pools } = run(settled, { assignment: "prefill", decode });
    expect([requests, refused]).toEqual([60, 0]);
    const [prompts, answers] = pools;
    expect(answers.balancedness ?? 1).toBeLessThan(prompts.balancedness ?? 0);
  });
});

it("plans of the same pool are made once for a source, and come out the same for another like it", () => {
  const [first, again] = [settledPlanOf(routing, pool), settledPlanOf(routing, pool)];
  expect(again).toBe(first);
  const other = settledPlanOf(routingSources(SMALL_MODEL, 2, null), pool);
  expect(other).not.toBe(first);
  expect(other.placement.physicalToLogical).toEqual(first.placement.physicalToLogical);
  expect(other.shares.values).toEqual(first.shares.values);
  const wider = settledPlanOf(routing, { ...pool, topology: { ...SMALL_TOPOLOGY, slotsPerGpu: 12 } });
  expect(wider.placement.topology.slotsPerGpu).toBe(12);
});
