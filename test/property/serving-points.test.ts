import fc from "fast-check";
import { expect, test } from "vitest";
import { readConstantsFile } from "../../src/config/calibration/constants-file.ts";
import { shippedGpus } from "../../src/config/gpus/load-gpu.ts";
import { shippedModels } from "../../src/config/shapes.ts";
import { tableOf } from "../../src/twin/calibration/fitted-constants.ts";
import { predict } from "../../src/twin/calibration/cross-validate.ts";
import { type ServingPoint, familyOf } from "../../src/twin/calibration/serving-point.ts";
import { runs } from "../runs.ts";

const SEED = 17;
const TABLE = tableOf((await readConstantsFile()).constants);
const MODELS = await shippedModels();
const GPUS = await shippedGpus();

const power = (most: number) => fc.integer({ min: 0, max: most }).map((exponent) => 2 ** exponent);
const workers = fc
  .record({ count: fc.integer({ min: 1, max: 20 }), tp: power(4), dp: power(6), ep: power(10) })
  .map(({ count, tp, dp, ep }) => {
    const shared = Math.min(ep, tp * dp);
    return { count, tp, dp, ep: shared, moeTp: (tp * dp) / shared };
  });

const point: fc.Arbitrary<ServingPoint> = fc
  .record({
    model: fc.constantFrom(...MODELS),
    gpu: fc.constantFrom(...GPUS),
    backend: fc.constantFrom("vllm", "sglang", "trtllm", "another"),
    version: fc.constantFrom("", "0.18.0", "9.9"),
    precision: fc.constantFrom("fp8" as const, "fp4" as const, "int4" as const, "bf16" as const),
    isl: fc.integer({ min: 1, max: 200_000 }),
    osl: fc.integer({ min: 1, max: 50_000 }),
    lengthRatio: fc.constantFrom(0.1, 0.8, 1),
    concurrency: fc.integer({ min: 1, max: 1_000_000 }),
    gpus: fc.integer({ min: 1, max: 2048 }),
    prefill: fc.option(workers),
    decode: workers,
  })
  .map((made) => ({ ...made, family: familyOf(made.model) }));

test("every point has times, and more requests in flight never make it answer faster", () => {
  fc.assert(
    fc.property(point, (one) => {
      const { ttftMs, tpotMs, outTokSGpu } = predict(TABLE, one);
      for (const value of [ttftMs, tpotMs, outTokSGpu]) {
        expect(Number.isFinite(value)).toBe(true);
        expect(value).toBeGreaterThan(0);
      }
      const more = predict(TABLE, { ...one, concurrency: 2 * one.concurrency });
      // Those that begin at once keep each other waiting: a few less may decode.
      expect(more.tpotMs).toBeGreaterThan(0.97 * tpotMs);
      expect(more.ttftMs).toBeGreaterThan(0.999 * ttftMs);
    }),
    { seed: SEED, numRuns: runs(80) },
  );
});

test("a longer answer takes longer in all, and a longer prompt longer to its first token", () => {
  fc.assert(
    fc.property(point, (one) => {
      const whole = ({ ttftMs, tpotMs }: { ttftMs: number; tpotMs: number }, osl: number) =>
        ttftMs + (osl - 1) * tpotMs;
      const calm = { ...one, concurrency: 1 };
      const longer = { ...calm, osl: calm.osl + 100 };
      expect(whole(predict(TABLE, longer), longer.osl)).toBeGreaterThan(
        whole(predict(TABLE, calm), calm.osl),
      );
      const prompt = { ...calm, isl: calm.isl * 4 };
      expect(predict(TABLE, prompt).ttftMs).toBeGreaterThan(predict(TABLE, calm).ttftMs);
    }),
    { seed: SEED, numRuns: runs(40) },
  );
});
