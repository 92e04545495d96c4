import { expect, test } from "vitest";
import { gainedText, timesText } from "../../src/dashboard/engine/beside-text.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { PolicyBeside } from "../../src/twin/policy-beside.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

test("EPLB beside a pool places the same tokens by what it has seen, and the pool's own figures stand beside it", () => {
  const routing = new SyntheticRouting(SMALL_MODEL, 1);
  const pool = new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "priced", seed: 1 }, smallPlan());
  const options = { model: SMALL_MODEL, topology: SMALL_TOPOLOGY, hardware: H800, routing, seed: 1 };
  const cadence = { sharesMs: 1000, placementMs: 3000 };
  const beside = new PolicyBeside("eplb", { ...options, cadence }, 0);
  expect(beside.figures).toMatchObject({ movedSlots: 0, placements: 0, beside: { balancedness: null } });
  for (let second = 0; second < 20; second++) {
    for (let rank = 0; rank < 4; rank++)
      pool.submit({ id: 4 * second + rank, rank, inputTokens: 200, outputTokens: 1 });
    const { ms } = pool.step() as { readonly ms: number };
    beside.step(1000 * second, pool.batch, second === 19 ? 1e9 : ms);
    beside.observe(pool.takeWindow(1000));
  }
  const { title, part, placements, movedSlots, pool: own, beside: other } = beside.figures;
  expect([title, part, placements]).toEqual(["EPLB, even shares", 1, 6]);
  expect(movedSlots).toBeGreaterThan(0);
  // The pool still has the placement that knew nothing of the load.
  expect(other.balancedness).toBeGreaterThan(own.balancedness ?? 1);
  expect(own.balancedness).toBeGreaterThan(0.3);
  expect(other.fullestGpu).toBeGreaterThanOrEqual(1);
  // Of the steps before the last window ended.
  expect((own.stepMs ?? 0) / (other.stepMs ?? 1)).toBeCloseTo(1, 0);
});

test("what is gained is said with what it took, also where it is nothing", () => {
  const figures = { balancedness: 0.8, fullestGpu: 1.1, hopsPerToken: 1, nodeHopsPerToken: 1, stepMs: 5 };
  const beside = (ours: number | null, theirs: number, movedSlots: number) => ({
    title: "EPLB, even shares",
    part: 1,
    pool: { ...figures, balancedness: ours },
    beside: { ...figures, balancedness: theirs },
    movedSlots,
    placements: 3,
  });
  expect(gainedText(beside(0.8, 0.72, 5000), 100)).toBe(
    "Steps wait 10.0 % less for the fullest GPU than by EPLB; a modelled step takes 5.0 ms to its 5.0, with 50 times fewer moved slots.",
  );
  expect(gainedText(beside(0.72, 0.8, 120), 100)).toBe(
    "Steps wait 11.1 % longer for the fullest GPU than by EPLB; a modelled step takes 5.0 ms to its 5.0, with 100 moved slots to 120.",
  );
  expect(gainedText(beside(0.8, 0.8, 0), 0)).toBe(
    "Plimsoll keeps GPUs as level as EPLB; a modelled step takes 5.0 ms to its 5.0, with no slot moved by either.",
  );
  expect(gainedText(beside(0.8, 0.8, 90), 0)).toMatch(/with 0 moved slots to 90\.$/);
  expect(gainedText(beside(null, 0.8, 0), 0)).toBeNull();
  expect([timesText(1.234), timesText(null)]).toEqual(["1.23 ×", "–"]);
});
