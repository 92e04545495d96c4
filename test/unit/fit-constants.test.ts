import { expect, test } from "vitest";
import { shippedGpus } from "../../src/config/gpus/load-gpu.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { factorize, inverseDiagonal, solveFactorized } from "../../src/twin/calibration/cholesky.ts";
import { crossValidate, predict } from "../../src/twin/calibration/cross-validate.ts";
import { timeErrors } from "../../src/twin/calibration/error-summary.ts";
import { fit, fitOwn } from "../../src/twin/calibration/fit.ts";
import { type ServingPoint, familyOf } from "../../src/twin/calibration/serving-point.ts";

const MODEL = await loadModel("gpt-oss-120b");
const [GPU] = await shippedGpus();

function pointOf(tp: number, concurrency: number, backend = "vllm"): ServingPoint {
  return {
    model: MODEL,
    family: familyOf(MODEL),
    gpu: GPU,
    backend,
    version: "1",
    precision: "fp4",
    isl: 1024,
    osl: 1024,
    lengthRatio: 1,
    concurrency,
    gpus: tp,
    prefill: null,
    decode: { count: 1, tp, dp: 1, ep: 1, moeTp: tp },
  };
}

/** Points of a system whose constants are known. */
const TRUTH = new Map([
  ["layer", 0.4],
  ["prefillFlops", -0.3],
  ["first", 0.5],
]);
const POINTS = [1, 2, 4, 8].flatMap((tp) => [4, 16, 64].map((concurrency) => pointOf(tp, concurrency)));
const measuredBy = (table: ReadonlyMap<string, number>) =>
  POINTS.map((point) => ({ point, times: predict(table, point) }));

test("constants that made the points predict others of the same system", () => {
  const { table, deviations } = fit(measuredBy(TRUTH));
  const other = pointOf(4, 32);
  const [found, made] = [predict(table, other), predict(TRUTH, other)];
  expect(found.tpotMs / made.tpotMs).toBeCloseTo(1, 1);
  expect(found.ttftMs / made.ttftMs).toBeCloseTo(1, 1);
  // The same points give the same constants, bit for bit.
  expect([...fit(measuredBy(TRUTH)).table]).toEqual([...table]);
  expect(deviations.get("layer")).toBeGreaterThan(0);
});

test("one wild point moves little", () => {
  const wild = measuredBy(TRUTH).map(({ point, times }, i) => ({
    point,
    times: i === 5 ? { ...times, tpotMs: 20 * times.tpotMs } : times,
  }));
  const other = pointOf(4, 32);
  const [calm, moved] = [fit(measuredBy(TRUTH)).table, fit(wild).table].map((table) => predict(table, other));
  expect(moved.tpotMs / calm.tpotMs).toBeLessThan(1.1);
});

test("factors of one's own find a system that is slower in all", () => {
  const slower = measuredBy(TRUTH).map(({ point, times }) => ({
    point,
    times: { ...times, tpotMs: 1.3 * times.tpotMs, outTokSGpu: times.outTokSGpu / 1.3 },
  }));
  const { table } = fitOwn(TRUTH, slower);
  expect(Math.exp(table.get("tpot/own/here") ?? 0)).toBeGreaterThan(1.15);
  const other = pointOf(2, 32);
  expect(predict(table, other).tpotMs / predict(TRUTH, other).tpotMs).toBeCloseTo(1.3, 1);
});

test("a point is predicted by constants that are fitted without its part", () => {
  const measured = measuredBy(TRUTH);
  const seen: number[] = [];
  const predicted = crossValidate(
    measured,
    ({ point }) => String(point.gpus),
    (others) => {
      seen.push(others.length);
      return { table: new Map([["host", others.length]]), deviations: new Map() };
    },
  );
  expect(seen).toEqual([9, 9, 9, 9]);
  expect(predicted).toHaveLength(POINTS.length);
  expect(predicted[0]).toEqual(predict(new Map([["host", 9]]), POINTS[0]));
});

test("errors are medians and 90th percentiles of what is known", () => {
  const measured = { ttftMs: null, tpotMs: 100, outTokSGpu: 10 };
  const compared = [101, 90, 150, 100].map((tpotMs) => ({
    predicted: { ttftMs: 1, tpotMs, outTokSGpu: 10 },
    measured,
  }));
  const errors = timeErrors(compared);
  expect(errors.ttftMs).toBeNull();
  expect(errors.tpotMs?.points).toBe(4);
  expect(errors.tpotMs?.median).toBeCloseTo(0.01, 9);
  expect(errors.tpotMs?.p90).toBeCloseTo(0.5, 9);
});

test("a factorized system is solved, and its inverse's diagonal known", () => {
  const matrix = Float64Array.of(4, 2, 2, 3);
  factorize(matrix, 2);
  expect([...solveFactorized(matrix, Float64Array.of(8, 7), 2)]).toEqual(
    [1.25, 1.5].map((x) => expect.closeTo(x, 9)),
  );
  expect([...inverseDiagonal(matrix, 2)]).toEqual([3 / 8, 4 / 8].map((x) => expect.closeTo(x, 9)));
});
