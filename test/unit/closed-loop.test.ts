import { describe, expect, test } from "vitest";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { loadGpu } from "../../src/config/gpus/load-gpu.ts";
import { benchmarkSettings } from "../../src/twin/calibration/benchmark-settings.ts";
import { closedLoop, servedModel } from "../../src/twin/calibration/closed-loop.ts";
import { COMPONENT_NAMES, type Constants } from "../../src/twin/calibration/constants.ts";
import { constantsAt } from "../../src/twin/calibration/factors.ts";
import { modelSizes } from "../../src/twin/calibration/model-sizes.ts";
import { predictPoint } from "../../src/twin/calibration/predict-point.ts";
import { type ServingPoint, familyOf } from "../../src/twin/calibration/serving-point.ts";
import { uniformRouting } from "../../src/twin/uniform-routing.ts";

const GPU = await loadGpu("h200", { sourceOf: () => "test", field: [] });
/** As believed beforehand; the front end, of which the small model is all, at a millisecond. */
const CONSTANTS: Constants = {
  ...constantsAt(COMPONENT_NAMES.map(() => 0)),
  first: 1e-3,
  own: 1,
  tpot: 1,
  ttft: 1,
};

function pointOf(changed: Partial<ServingPoint> = {}): ServingPoint {
  return {
    model: SMALL_MODEL,
    family: familyOf(SMALL_MODEL),
    gpu: GPU,
    backend: "vllm",
    version: "",
    precision: "fp8",
    isl: 200,
    osl: 60,
    lengthRatio: 1,
    concurrency: 8,
    gpus: 4,
    prefill: null,
    decode: { count: 1, tp: 4, dp: 1, ep: 1, moeTp: 4 },
    ...changed,
  };
}

function run(changed: Partial<ServingPoint> = {}, constants = CONSTANTS, seed = 1) {
  const point = pointOf(changed);
  const result = closedLoop(point, constants, uniformRouting(servedModel(point), 1), seed);
  if (result === null) throw new Error("does not fit");
  return result;
}

const SHAPES = [
  { count: 1, tp: 4, dp: 1, ep: 1, moeTp: 4 },
  { count: 1, tp: 4, dp: 1, ep: 4, moeTp: 1 },
  { count: 1, tp: 1, dp: 4, ep: 4, moeTp: 1 },
  { count: 1, tp: 2, dp: 2, ep: 4, moeTp: 1 },
  { count: 2, tp: 2, dp: 1, ep: 1, moeTp: 2 },
] as const;

describe.each(SHAPES.map((decode) => [JSON.stringify(decode), decode] as const))(
  "engines of %s",
  (_, decode) => {
    test("answer every request, and TPOT is near what arithmetic says of the same constants", () => {
      const result = run({ decode });
      expect(result.requests).toBe((10 * 8) / decode.count);
      const expected = predictPoint(pointOf({ decode }), modelSizes(SMALL_MODEL, "fp8"), CONSTANTS);
      expect(result.tpotMs / expected.tpotMs).toBeGreaterThan(0.75);
      expect(result.tpotMs / expected.tpotMs).toBeLessThan(1.25);
    });
  },
);

test("the same seed is the same run, another is not", () => {
  const drawn = { lengthRatio: 0.5 };
  expect(run(drawn)).toEqual(run(drawn));
  expect(run(drawn, CONSTANTS, 2).ttftMs).not.toBe(run(drawn).ttftMs);
});

test("more requests in flight take longer, and their tokens come faster", () => {
  const [few, many] = [run({ lengthRatio: 0.9, concurrency: 2 }), run({ lengthRatio: 0.9, concurrency: 64 })];
  expect(many.tpotMs).toBeGreaterThan(few.tpotMs);
  expect(many.ttftMs).toBeGreaterThan(few.ttftMs);
  expect(many.outTokSGpu).toBeGreaterThan(few.outTokSGpu);
});

test("a first token waits for the front end, and for its prompt", () => {
  const slow = { ...CONSTANTS, first: 0.5 };
  expect(run({}, slow).ttftMs).toBeGreaterThan(500);
  expect(run({ isl: 100_000, osl: 20 }).ttftMs).toBeGreaterThan(2 * run().ttftMs);
});

test("requests that come at once wait for each other; those that begin apart hardly do", () => {
  const prompts = { isl: 4000, osl: 40, concurrency: 32 };
  const settings = benchmarkSettings(pointOf(prompts));
  const ttft = (together: boolean) =>
    closedLoop(pointOf(prompts), CONSTANTS, uniformRouting(servedModel(pointOf()), 1), 1, {
      ...settings,
      together,
      rounds: 2,
    })?.ttftMs ?? 0;
  expect(ttft(true)).toBeGreaterThan(1.5 * ttft(false));
});

test("an engine that looks for requests seldom lets them wait", () => {
  const settings = benchmarkSettings(pointOf());
  const routing = uniformRouting(servedModel(pointOf()), 1);
  const ttft = (pollSteps: number) =>
    closedLoop(pointOf(), CONSTANTS, routing, 1, { ...settings, pollSteps })?.ttftMs ?? 0;
  expect(ttft(30)).toBeGreaterThan(1.3 * ttft(1));
});

test("requests that no rank has room for are not run", () => {
  const tiny = { ...GPU, memoryBytes: 1e8 };
  const point = pointOf({ gpu: tiny, isl: 1_000_000 });
  expect(closedLoop(point, CONSTANTS, uniformRouting(servedModel(point), 1), 1)).toBeNull();
});

describe("prompts on engines of their own", () => {
  const one = { count: 1, tp: 2, dp: 1, ep: 1, moeTp: 2 } as const;
  const apart = { prefill: one, decode: { ...one, count: 2 }, gpus: 6, isl: 4000, osl: 100 };

  test("answer every request, and no prompt holds an answer up", () => {
    const [here, there] = [run({ ...apart, prefill: null, decode: one, gpus: 2 }), run(apart)];
    expect(there.requests).toBe(80);
    expect(there.tpotMs).toBeLessThan(here.tpotMs);
    const expected = predictPoint(pointOf(apart), modelSizes(SMALL_MODEL, "fp8"), CONSTANTS);
    expect(there.tpotMs / expected.tpotMs).toBeGreaterThan(0.75);
    expect(there.tpotMs / expected.tpotMs).toBeLessThan(1.25);
  });

  test("caches take their time on the way, and a request of one token takes none", () => {
    const slow = { ...CONSTANTS, exchangeBandwidth: 1e-6 };
    expect(run(apart, slow).ttftMs).toBeGreaterThan(10 * run(apart).ttftMs);
    expect(run({ ...apart, osl: 1 }, slow).ttftMs).toBeCloseTo(run({ ...apart, osl: 1 }).ttftMs, 6);
  });

  test("more engines for prompts let fewer wait", () => {
    const busy = { ...apart, isl: 60_000, concurrency: 32, osl: 20 };
    const more = run({ ...busy, prefill: { ...one, count: 4 } });
    expect(more.ttftMs).toBeLessThan(run(busy).ttftMs / 2);
  });
});
