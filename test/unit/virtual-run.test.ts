import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { comparePolicies } from "../../src/twin/compare-policies.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";
import { type VirtualRunOptions, virtualRun } from "../../src/twin/run/virtual-run.ts";
import { randomTrace } from "../random-trace.ts";
import { EP32, SMALL_MODEL, SMALL_TOPOLOGY, modelLike } from "../../harness/small-model.ts";

const cadence = { sharesMs: 20, placementMs: 100 };

/** Requests at a constant rate, of lengths that differ. */
function traffic(count: number, everyMs: number): TraceRequest[] {
  const rng = new Rng(8);
  return Array.from({ length: count }, (_, i) => ({
    arrivalMs: i * everyMs,
    inputTokens: 1 + rng.below(200),
    outputTokens: 1 + rng.below(30),
  }));
}

function finished<T>(steps: Generator<number, T>): { parts: number[]; result: T } {
  const parts: number[] = [];
  for (;;) {
    const next = steps.next();
    if (next.done === true) return { parts, result: next.value };
    parts.push(next.value);
  }
}

function run(seed: number, given: Partial<VirtualRunOptions> = {}) {
  const recorder = new StepRecorder(50_000);
  const options = {
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    routing: new SyntheticRouting(SMALL_MODEL, seed),
    traffic: traffic(300, 2),
    durationMs: 1000,
    cadence,
    assignment: "least-in-flight" as const,
    seed,
    recorder,
    ...given,
  };
  return { ...finished(virtualRun(options)), recorder: options.recorder, options };
}

/** What several tests look at; it takes a second. */
let kept: ReturnType<typeof run> | null = null;
function once() {
  kept ??= run(1);
  return kept;
}

describe("a virtual run", () => {
  it("finishes every request that arrives in time, each with all its tokens", () => {
    const requests = traffic(300, 2);
    const { result, parts } = once();
    const sum = (of: (request: TraceRequest) => number) =>
      requests.reduce((total, request) => total + of(request), 0);
    expect(result).toMatchObject({
      requests: 300,
      refused: 0,
      inputTokens: sum((request) => request.inputTokens),
      outputTokens: sum((request) => request.outputTokens),
    });
    expect(result.steps).toBe(parts.length);
    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
    expect(parts.at(-1)).toBeLessThanOrEqual(1);
    expect(result.virtualMs).toBeGreaterThanOrEqual(299 * 2);
    expect(result.epochs).toBeGreaterThan(1);
    expect(result.movedSlots).toBeGreaterThan(0);
    expect(result.ttftMs?.p50).toBeLessThan(result.e2eMs?.p50 ?? 0);
  });

  it("is the same again from the same seed, recording included", () => {
    const [one, other] = [once(), run(1)];
    expect(other.result).toEqual(one.result);
    expect(other.recorder.records).toEqual(one.recorder.records);
  });

  it("is another from another seed", () => {
    expect(run(2).result).not.toEqual(once().result);
  });

  it("takes endless traffic up to its duration, and nothing that arrives later", () => {
    const endless = (function* () {
      for (let arrivalMs = 0; ; arrivalMs += 10) yield { arrivalMs, inputTokens: 5, outputTokens: 500 };
    })();
    expect(run(1, { traffic: endless, durationMs: 200 }).result.requests).toBe(21);
  });

  it("passes over idle time", () => {
    const far = [0, 60_000].map((arrivalMs) => ({ arrivalMs, inputTokens: 5, outputTokens: 2 }));
    const { result } = run(1, { traffic: far, durationMs: 100_000 });
    expect(result.steps).toBe(4);
    expect(result.ttftMs?.p99).toBeLessThan(100);
  });

  it("refuses a request that no rank's cache can hold", () => {
    const huge = [{ arrivalMs: 0, inputTokens: 1e9, outputTokens: 1 }];
    expect(run(1, { traffic: huge }).result).toMatchObject({
      requests: 1,
      refused: 1,
      steps: 0,
      ttftMs: null,
    });
  });
});

describe("the comparison", () => {
  function compared({ recorder, options } = once()) {
    const { model, topology, routing, seed } = options;
    return { recorder, ...finished(comparePolicies(recorder, { model, topology, routing, cadence, seed })) };
  }

  let first: ReturnType<typeof compared> | null = null;
  const comparedOnce = () => {
    first ??= compared();
    return first;
  };
  const trace = randomTrace(new Rng(4), 70, 3, SMALL_MODEL.topk, SMALL_MODEL.experts);
  const comparisons: [string, typeof comparedOnce][] = [
    ["a synthetic source", comparedOnce],
    ["a trace shorter than the traffic", () => compared(run(1, { routing: new TraceRouting(trace) }))],
  ];

  it.each(comparisons)(
    "sends the same tokens through every policy, step by step and in full batches: %s",
    (_, comparison) => {
      const { recorder, result, parts } = comparison();
      const tokens = recorder.records.reduce((sum, { rows }) => sum + rows.length, 0);
      expect(result.recordedShare).toBe(1);
      expect(result.asRun).toMatchObject({ steps: recorder.records.length, tokens });
      // Less than one full batch is left out.
      expect(tokens - result.fullBatches.tokens).toBeLessThan(4 * 512);
      expect(result.fullBatches.steps).toBeLessThan(result.asRun.steps);
      expect(parts.every((part, i) => part > (parts[i - 1] ?? 0) && part <= 1)).toBe(true);
      for (const { policies } of [result.asRun, result.fullBatches]) {
        expect(policies.map(({ name }) => name)).toEqual(["none", "eplb", "plimsoll"]);
        const [none, eplb, plimsoll] = policies;
        expect(plimsoll.balancedness).toBeGreaterThan(none.balancedness ?? 1);
        expect(none).toMatchObject({ movedSlots: 0, epochs: 1 });
        expect(eplb.movedSlots).toBeGreaterThan(0);
        for (const { balancedness, hopsPerToken, nodeHopsPerToken, meanStepMs } of policies) {
          expect(balancedness).toBeLessThanOrEqual(1);
          expect(nodeHopsPerToken).toBeLessThanOrEqual(1);
          expect(hopsPerToken).toBeLessThanOrEqual(3);
          expect(hopsPerToken).toBeGreaterThanOrEqual(nodeHopsPerToken ?? 4);
          expect(meanStepMs).toBeGreaterThan(0);
        }
      }
    },
  );

  it("is the same again from the same seed", () => {
    expect(compared(run(1)).result).toEqual(comparedOnce().result);
  });

  it("of nothing has no figures", () => {
    const { result } = compared(run(1, { traffic: [] }));
    expect(result.asRun).toMatchObject({ steps: 0, tokens: 0 });
    expect(result.asRun.policies.map(({ balancedness }) => balancedness)).toEqual([null, null, null]);
  });
});

it("DeepSeek-V3's layers on EP32: better balanced than without redundancy, fewer hops than with even shares", async () => {
  const model = modelLike(await loadModel("deepseek-v3"), { layers: 8 });
  const requests = Array.from({ length: 100 }, (_, i) => ({
    arrivalMs: i,
    inputTokens: 60,
    outputTokens: 12,
  }));
  const v3 = { model, topology: EP32, routing: new SyntheticRouting(model, 1), traffic: requests };
  const { result, recorder, options } = run(1, v3);
  expect(result).toMatchObject({ requests: 100, outputTokens: 1200 });
  const comparison = finished(comparePolicies(recorder, { ...v3, cadence, seed: options.seed })).result;
  const [none, eplb, plimsoll] = comparison.asRun.policies;
  expect(plimsoll.balancedness).toBeGreaterThan(none.balancedness ?? 1);
  expect(plimsoll.hopsPerToken).toBeLessThan(eplb.hopsPerToken ?? 0);
});
