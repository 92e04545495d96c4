import { expect, it } from "vitest";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

const TOKENS = 13;

function pool(): SimulatedPool {
  const routing = new SyntheticRouting(SMALL_MODEL, 1);
  return new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "priced", seed: 1 }, smallPlan());
}

/** Has requests of these ranks run to their end. @returns of each rank the passes until then, and how long they took */
function ended(simulated: SimulatedPool, ranks: readonly number[]) {
  for (const rank of ranks) simulated.submit({ id: rank, rank, inputTokens: 8, outputTokens: TOKENS });
  const passes = new Map<number, number>();
  let ms = 0;
  for (let count = 1; passes.size < ranks.length; count++) {
    const step = simulated.step();
    if (step === null) throw new Error("a pool with requests has something to do");
    ms += step.ms;
    for (const rank of step.finished) passes.set(rank, count);
  }
  expect(simulated.step()).toBeNull();
  return { passes: ranks.map((rank) => passes.get(rank)), ms };
}

it("a slow rank takes part in one pass of several, and the others do not wait for it", () => {
  const simulated = pool();
  simulated.slowDown(1, 4);
  // Alone at last, it makes the tokens that are left one pass after the other.
  const { passes } = ended(simulated, [0, 1, 2]);
  expect([passes[0], passes[2]]).toEqual([TOKENS, TOKENS]);
  expect(passes[1]).toBe(TOKENS + (TOKENS - Math.floor(TOKENS / 4)));
});

it("alone, it takes so many times as long", () => {
  const [fast, slow] = [pool(), pool()];
  slow.slowDown(3, 4);
  expect(ended(slow, [3]).ms / ended(fast, [3]).ms).toBeCloseTo(4, 6);
});

it("is as fast as the others again when it is said", () => {
  const [fast, again] = [pool(), pool()];
  again.slowDown(3, 9);
  again.slowDown(3, 1);
  expect(ended(again, [3, 0])).toEqual(ended(fast, [3, 0]));
});
