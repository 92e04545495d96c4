import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCHING, type Batching, PLAIN_BATCHING } from "../../src/twin/pool/batching.ts";
import { withDraftLayer } from "../../src/twin/pool/draft-layer.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { gpuWithCache } from "../gpu-with-cache.ts";
import { smallPlan } from "../small-plan.ts";
import { runs } from "../runs.ts";

const RANKS = 4;
const plan = smallPlan();
const routing = new SyntheticRouting(SMALL_MODEL, 1);

/** A GPU that has room for so many tokens. @param drafts needs a layer for them */
function gpuFor(tokens: number, drafts: boolean) {
  return gpuWithCache(tokens, drafts ? withDraftLayer(SMALL_MODEL) : SMALL_MODEL);
}

const engines: Readonly<Record<string, Batching>> = {
  plain: { ...PLAIN_BATCHING, stepTokens: 100, runningPerRank: 8 },
  vllm: { ...BATCHING.vllm, stepTokens: 100, runningPerRank: 8 },
  sglang: { ...BATCHING.sglang, stepTokens: 100, runningPerRank: 8 },
  mixed: { ...BATCHING.sglang, stepTokens: 100, runningPerRank: 8, mixed: true },
};

interface Open {
  readonly id: number;
  readonly rank: number;
  readonly outputTokens: number;
  made: number;
}

/** A pool whose every step is held to what was promised of it. */
class WatchedPool {
  readonly pool: SimulatedPool;
  readonly batching: Batching;
  readonly drafts: number;
  readonly open = new Map<number, Open>();
  preemptions = 0;
  /** What the steps came to. */
  readonly log: unknown[] = [];

  constructor(batching: Batching, capacity: number, drafts = 0, seed = 1) {
    this.batching = batching;
    this.drafts = drafts;
    const speculation = drafts === 0 ? null : { draftTokens: drafts, acceptance: 0.7 };
    const hardware = gpuFor(capacity, drafts > 0);
    this.pool = new SimulatedPool(
      {
        model: SMALL_MODEL,
        routing,
        dispatch: "even",
        fidelity: "analytic",
        seed,
        batching,
        speculation,
        hardware,
      },
      plan,
    );
  }

  submit(id: number, rank: number, inputTokens: number, outputTokens: number, blocks: number[]): void {
    const span = { base: 0, offset: id % 64, length: 1024, tenant: null };
    const longest = this.pool.maxRequestTokens;
    const [input, output] = [Math.min(inputTokens, longest - outputTokens), outputTokens];
    this.open.set(id, { id, rank, outputTokens: output, made: 0 });
    this.pool.submit({
      id,
      rank,
      inputTokens: input,
      outputTokens: output,
      routing: span,
      prefixBlocks: blocks.slice(0, Math.ceil(input / 512)),
    });
  }

  cancel(id: number): void {
    expect(this.pool.cancel(id)).toBe(true);
    this.open.delete(id);
  }

  lose(rank: number): void {
    const there = [...this.open.values()].filter((request) => request.rank === rank).map(({ id }) => id);
    expect(this.pool.lose(rank).toSorted((a, b) => a - b)).toEqual(there.toSorted((a, b) => a - b));
    for (const id of there) this.open.delete(id);
  }

  /** Returns false where there was none. */
  step(): boolean {
    const step = this.pool.step();
    this.check();
    if (step === null) return false;
    this.log.push(step);
    this.preemptions += step.preempted.length;
    for (const id of step.made) {
      const request = this.open.get(id);
      if (request === undefined) throw new Error(`request ${id} got a token after its end`);
      request.made++;
    }
    for (const id of new Set(step.made)) {
      const request = this.open.get(id);
      if ((request?.made === request?.outputTokens) !== step.finished.includes(id))
        throw new Error(`request ${id} made ${request?.made} of ${request?.outputTokens} tokens at its end`);
    }
    for (const id of step.finished) this.open.delete(id);
    const { stepTokens, runningPerRank, order } = this.batching;
    const decoding = runningPerRank * (1 + this.drafts);
    const most = order === "decode-first" ? stepTokens : Math.max(stepTokens, decoding);
    expect(Math.max(...this.pool.batch.work.map(({ tokens }) => tokens))).toBeLessThanOrEqual(most);
    return true;
  }

  check(): void {
    const { runningPerRank } = this.batching;
    const beyond = this.pool
      .rankStates()
      .filter((state) => state.kvTokens > state.kvCapacityTokens || state.running > runningPerRank);
    expect(beyond).toEqual([]);
  }

  /** Everything ends, and nothing is left. */
  finish(): void {
    while (this.step());
    expect([...this.open.keys()]).toEqual([]);
    expect(this.pool.inFlight).toBe(0);
    for (const state of this.pool.rankStates()) {
      expect(state).toMatchObject({ running: 0, waiting: 0, kvTokens: 0 });
    }
  }
}

const engine = fc.constantFrom(...Object.keys(engines));
const drafts = fc.constantFrom(0, 0, 1, 3);
/** Prompts whose texts begin alike, in five families. */
const prompt = fc.record({
  rank: fc.constantFrom(0, 0, 0, 0, 1, 2, 3),
  inputTokens: fc.oneof(
    fc.noBias(fc.integer({ min: 1, max: 50 })),
    fc.noBias(fc.integer({ min: 500, max: 1300 })),
  ),
  outputTokens: fc.noBias(fc.integer({ min: 1, max: 80 })),
  family: fc.integer({ min: 0, max: 4 }),
  alike: fc.integer({ min: 0, max: 3 }),
});
const action = fc.oneof(
  { weight: 8, arbitrary: prompt.map((request) => ({ kind: "submit" as const, ...request })) },
  { weight: 8, arbitrary: fc.constant({ kind: "step" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), rank: fc.nat(RANKS - 1) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** @param first requests of one rank that come before all others, one a step */
function play(pool: WatchedPool, first: number, actions: readonly Action[]): void {
  let submitted = first;
  for (let id = 1; id <= first; id++) {
    pool.submit(id, 0, 5 + id, 60, []);
    pool.step();
  }
  for (const each of actions) {
    if (each.kind === "submit") {
      const id = ++submitted;
      const blocks = [0, 1, 2].map((i) => (i < each.alike ? each.family * 3 + i : 1000 + id * 3 + i));
      pool.submit(id, each.rank, each.inputTokens, each.outputTokens, blocks);
    } else if (each.kind === "step") pool.step();
    else if (each.kind === "lose") {
      pool.lose(each.rank);
      pool.pool.restore(each.rank);
    } else if (pool.open.size > 0) {
      const ids = [...pool.open.keys()];
      pool.cancel(ids[each.which % ids.length]);
    }
    pool.check();
  }
  pool.finish();
}

const actions = fc.array(action, { minLength: 10, maxLength: 30, size: "max" });
const first = fc.integer({ min: 0, max: 12 });

describe("ranks that batch as engines do", () => {
  it("give every request exactly its tokens and starve none, whatever is short, cancelled or lost", () => {
    const preemptions = new Map<string, number>();
    fc.assert(
      fc.property(
        engine,
        drafts,
        fc.constantFrom(200, 1400),
        first,
        actions,
        (name, drafted, capacity, many, all) => {
          const pool = new WatchedPool(engines[name], capacity, drafted);
          play(pool, many, all);
          preemptions.set(name, (preemptions.get(name) ?? 0) + pool.preemptions);
          if (name === "plain") expect(pool.preemptions).toBe(0);
        },
      ),
      { seed: 7, numRuns: runs(20) },
    );
    for (const name of ["vllm", "sglang", "mixed"]) expect(preemptions.get(name)).toBeGreaterThan(0);
  });

  it("make nobody give up anything where memory is ample", () => {
    fc.assert(
      fc.property(engine, drafts, first, actions, (name, drafted, many, all) => {
        const pool = new WatchedPool(engines[name], 100_000, drafted);
        play(pool, many, all);
        expect(pool.preemptions).toBe(0);
      }),
      { seed: 8, numRuns: runs(10) },
    );
  });

  it("do the same again with the same seed", () => {
    fc.assert(
      fc.property(engine, drafts, first, actions, (name, drafted, many, all) => {
        const logs = [5, 5].map((seed) => {
          const pool = new WatchedPool(engines[name], 200, drafted, seed);
          play(pool, many, all);
          return JSON.stringify(pool.log);
        });
        expect(logs[0]).toBe(logs[1]);
      }),
      { seed: 9, numRuns: runs(8) },
    );
  });

  it("make in two pools, one for prompts and one for answers, what they make in one", () => {
    fc.assert(
      fc.property(engine, drafts, fc.array(prompt, { minLength: 1, maxLength: 20 }), (name, drafted, all) => {
        const hardware = gpuFor(1500, drafted > 0);
        const speculation = drafted === 0 ? null : { draftTokens: drafted, acceptance: 0.7 };
        const options = {
          model: SMALL_MODEL,
          routing,
          dispatch: "even",
          fidelity: "analytic",
          seed: 1,
        } as const;
        const open = (role: "prefill" | "decode") =>
          new SimulatedPool({ ...options, batching: engines[name], role, speculation, hardware }, plan);
        const [prefill, decode] = [open("prefill"), open("decode")];
        const most = prefill.maxRequestTokens;
        const requests = all.map((each, id) => ({
          id,
          rank: each.rank,
          inputTokens: Math.min(each.inputTokens, most - each.outputTokens),
          outputTokens: each.outputTokens,
        }));
        for (const request of requests) prefill.submit(request);
        const made = requests.map(() => 0);
        /** Prompts are done, and their caches have not arrived yet. */
        let travelling: number[] = [];
        for (let idle = false; !idle; ) {
          const prompts = prefill.step();
          for (const id of prompts?.made ?? []) made[id]++;
          // What has travelled is released, and goes on elsewhere.
          for (const id of travelling) {
            prefill.release(id);
            if (requests[id].outputTokens > 1) decode.submit({ ...requests[id], prefilled: true });
          }
          travelling = [...(prompts?.finished ?? [])];
          const answers = decode.step();
          for (const id of answers?.made ?? []) made[id]++;
          idle = prompts === null && answers === null && travelling.length === 0;
          for (const { kvTokens, kvCapacityTokens } of [...prefill.rankStates(), ...decode.rankStates()]) {
            expect(kvTokens).toBeLessThanOrEqual(kvCapacityTokens);
          }
        }
        expect(made).toEqual(requests.map(({ outputTokens }) => outputTokens));
        expect([prefill.inFlight, decode.inFlight]).toEqual([0, 0]);
      }),
      { seed: 10, numRuns: runs(10) },
    );
  });
});
