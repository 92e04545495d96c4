import { expect, test } from "vitest";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { WhatIfAnswers } from "../../src/plans/what-if/what-if-answers.ts";
import type { PoolFacts } from "../../src/plans/what-if/pool-facts.ts";
import { loadsDiffer, sameFacts } from "../../src/plans/what-if/same-facts.ts";
import { smallPlan } from "../small-plan.ts";
import { MEASURED_TRAFFIC, UNEVEN_LOAD } from "../running-pool.ts";

const FRONT = {
  pool: "chat",
  models: ["small"],
  deployment: null,
  servers: 1,
  control: null,
  engine: null,
  shards: [],
};
const FACTS: PoolFacts = {
  atMs: 0,
  found: { name: "chat", front: FRONT, prefill: null },
  model: SMALL_MODEL,
  plan: smallPlan(),
  load: UNEVEN_LOAD,
  measured: MEASURED_TRAFFIC,
};
const stays = new AbortController().signal;

/** Answers by hand, and remembers who was given up. */
class HandSolver {
  readonly asked: { readonly answer: PromiseWithResolvers<Uint8Array>; readonly left: AbortSignal }[] = [];

  solve(_body: Uint8Array, left: AbortSignal): Promise<Uint8Array> {
    const answer = Promise.withResolvers<Uint8Array>();
    left.addEventListener("abort", () => answer.reject(left.reason), { once: true });
    this.asked.push({ answer, left });
    return answer.promise;
  }

  async close(): Promise<void> {}
}

function answersOf(facts: () => PoolFacts) {
  const solver = new HandSolver();
  return { solver, answers: new WhatIfAnswers(solver, facts) };
}

test("the same question is worked out once, also for those who come later, as long as the pool is the same", async () => {
  let facts = FACTS;
  const { solver, answers } = answersOf(() => facts);
  const ask = (what: string) => answers.ask("chat", { what }, stays, "one");
  const both = [ask("slots"), ask("slots")];
  solver.asked[0].answer.resolve(Uint8Array.of(7));
  expect(await Promise.all(both)).toEqual([Uint8Array.of(7), Uint8Array.of(7)]);
  facts = { ...FACTS, atMs: 5000, measured: { ...MEASURED_TRAFFIC, rate: 1.1 * MEASURED_TRAFFIC.rate } };
  expect(await ask("slots")).toEqual(Uint8Array.of(7));
  expect(solver.asked).toHaveLength(1);
  void ask("traffic");
  expect(solver.asked).toHaveLength(2);
  facts = { ...FACTS, measured: { ...MEASURED_TRAFFIC, rate: 2 * MEASURED_TRAFFIC.rate } };
  void ask("slots");
  expect(solver.asked).toHaveLength(3);
});

test("it is given up when the last of those who wait leaves, and asked anew afterwards", async () => {
  const { solver, answers } = answersOf(() => FACTS);
  const [first, second] = [new AbortController(), new AbortController()];
  const both = [first, second].map(({ signal }) => answers.ask("chat", { what: "nodes" }, signal, "one"));
  const left = both.map((one) => expect(one).rejects.toThrow("left"));
  first.abort(new Error("left"));
  await left[0];
  expect(solver.asked[0].left.aborted).toBe(false);
  second.abort(new Error("left"));
  await left[1];
  expect(solver.asked[0].left.aborted).toBe(true);
  const again = answers.ask("chat", { what: "nodes" }, stays, "one");
  solver.asked[1].answer.resolve(Uint8Array.of(1));
  expect(await again).toEqual(Uint8Array.of(1));
});

test("what failed is not kept", async () => {
  const { solver, answers } = answersOf(() => FACTS);
  const failed = answers.ask("chat", { what: "slots" }, stays, "one");
  solver.asked[0].answer.reject(new Error("lost"));
  await expect(failed).rejects.toThrow("lost");
  void answers.ask("chat", { what: "slots" }, stays, "one");
  expect(solver.asked).toHaveLength(2);
});

test.each([
  [{}, "what is undefined; expected slots, traffic, nodes"],
  [{ what: "slot" }, 'what is "slot"; expected slots'],
  [{ what: "slots", gpus: 3 }, "gpus is not known; expected what, gpu"],
  [{ what: "slots", gpu: "../h100" }, "gpu is"],
  [{ what: "traffic", stepTokens: 0 }, "stepTokens is 0; expected a whole number in 1..131072"],
  [{ what: "traffic", attentionTp: 1.5 }, "attentionTp is 1.5; expected a whole number"],
])("%j is refused in a line", async (body, message) => {
  const { answers } = answersOf(() => FACTS);
  await expect(answers.ask("chat", body, stays, "one")).rejects.toThrow(message);
});

test("other traffic, experts, placements and servers make it another pool; sampling does not", () => {
  const { plan } = FACTS;
  if (plan === null) throw new Error("there is a plan");
  const moved = Int32Array.from(plan.placement.physicalToLogical, (expert) => 31 - expert);
  const others: Partial<PoolFacts>[] = [
    { measured: "idle" },
    { measured: { ...MEASURED_TRAFFIC, promptMean: 2 * MEASURED_TRAFFIC.promptMean } },
    { load: null },
    { load: { ...UNEVEN_LOAD, tokens: UNEVEN_LOAD.tokens.toReversed() } },
    { plan: { ...plan, placement: { ...plan.placement, physicalToLogical: moved } } },
    { model: { ...SMALL_MODEL } },
    { found: { ...FACTS.found, front: { ...FRONT, servers: 2 } } },
  ];
  for (const other of others) expect(sameFacts(FACTS, { ...FACTS, ...other })).toBe(false);
  const noisy = UNEVEN_LOAD.tokens.map((load, i) => load * (i % 2 === 0 ? 1.02 : 0.98));
  expect(sameFacts(FACTS, { ...FACTS, load: { ...UNEVEN_LOAD, tokens: noisy } })).toBe(true);
});

test("loads differ by the part of the tokens that are elsewhere", () => {
  const load = (...tokens: number[]) => ({ layers: 2, experts: 2, tokens: Float64Array.from(tokens) });
  expect(loadsDiffer(load(1, 1, 4, 0), load(2, 2, 8, 0))).toBe(0);
  expect(loadsDiffer(load(1, 1, 4, 0), load(1, 1, 0, 4))).toBe(0.5);
  expect(loadsDiffer(load(3, 1, 1, 1), load(1, 3, 1, 1))).toBe(0.25);
});
