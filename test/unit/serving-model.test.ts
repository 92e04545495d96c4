import { describe, expect, test } from "vitest";
import { shippedGpus } from "../../src/config/gpus/load-gpu.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { COMPONENTS, COMPONENT_NAMES } from "../../src/twin/calibration/constants.ts";
import { predict } from "../../src/twin/calibration/cross-validate.ts";
import { constantsAt } from "../../src/twin/calibration/factors.ts";
import { modelSizes } from "../../src/twin/calibration/model-sizes.ts";
import {
  type Parallelism,
  type ServingPoint,
  familyOf,
  outTokensPerSecondPerGpu,
} from "../../src/twin/calibration/serving-point.ts";
import { WorkerTime } from "../../src/twin/calibration/worker-time.ts";

const MODELS = await Promise.all(
  ["deepseek-r1", "gpt-oss-120b", "glm-5", "qwen3.5-397b-a17b"].map((name) => loadModel(name)),
);
const GPUS = new Map((await shippedGpus()).map((gpu) => [gpu.name, gpu]));
const [R1, OSS, SPARSE] = MODELS;

/** Nothing fitted: every constant at what is believed beforehand. */
const PRIOR = constantsAt(COMPONENT_NAMES.map(() => 0));

function gpuOf(name: string) {
  const gpu = GPUS.get(name);
  if (gpu === undefined) throw new Error(`no ${name}`);
  return gpu;
}

function workerOf(model = R1, shape: Partial<Parallelism> = {}, gpu = "h200", constants = PRIOR): WorkerTime {
  const whole = { tp: 8, dp: 1, ep: 1, moeTp: 8, ...shape };
  return new WorkerTime(modelSizes(model, "fp8"), gpuOf(gpu), "fp8", whole, constants);
}

function pointOf(changed: Partial<ServingPoint> = {}): ServingPoint {
  return {
    model: R1,
    family: familyOf(R1),
    gpu: gpuOf("h200"),
    backend: "sglang",
    version: "",
    precision: "fp8",
    isl: 1024,
    osl: 1024,
    lengthRatio: 1,
    concurrency: 64,
    gpus: 8,
    prefill: null,
    decode: { count: 1, tp: 8, dp: 1, ep: 1, moeTp: 8 },
    ...changed,
  };
}

test("a constant at its prior is what its definition says", () => {
  for (const name of COMPONENT_NAMES) expect(PRIOR[name]).toBeCloseTo(COMPONENTS[name].prior, 12);
});

describe.each(MODELS.map((model) => [model.name, model] as const))("a step of %s", (_, model) => {
  test("takes longer for more sequences and for longer contexts", () => {
    const worker = workerOf(model);
    const batches = [1, 8, 64, 512].map((batch) => worker.decode(batch, 2000));
    expect(batches).toEqual(batches.toSorted((a, b) => a - b));
    const contexts = [500, 2000, 8000, 64_000].map((context) => worker.decode(32, context));
    expect(contexts).toEqual(contexts.toSorted((a, b) => a - b));
    expect(contexts[3]).toBeGreaterThan(contexts[0]);
  });

  test("reads its weights faster with more GPUs, apart from what these exchange", () => {
    const free = { ...PRIOR, reduceLatency: 0 };
    const [two, four, eight] = [2, 4, 8].map((tp) =>
      workerOf(model, { tp, moeTp: tp }, "h200", free).decode(1, 100),
    );
    expect(four).toBeLessThan(two);
    expect(eight).toBeLessThan(four);
  });

  test("has room for fewer sequences where they are longer", () => {
    const worker = workerOf(model, {}, "b300");
    expect(worker.room(1000)).toBeGreaterThan(worker.room(4000));
  });

  test("computes prompts in a time that grows faster than they do, and faster on a faster GPU", () => {
    const worker = workerOf(model);
    const [short, long] = [worker.prefill(1024, 1024, 1, 1), worker.prefill(8192, 8192, 1, 1)];
    expect(long).toBeGreaterThan(2 * short);
    expect(workerOf(model, {}, "gb300").prefill(8192, 8192, 1, 1)).toBeLessThan(long);
  });
});

test("the latent cache of MLA is whole on every GPU of a TP group, heads of GQA are shared out", () => {
  // What the context adds to a step, with two GPUs and with eight.
  const added = (model: typeof R1, tp: number) => {
    const worker = workerOf(model, { tp, moeTp: tp });
    return worker.decode(256, 32_000) - worker.decode(256, 16_000);
  };
  expect(added(OSS, 8)).toBeLessThan(added(OSS, 2) / 3);
  expect(added(R1, 8)).toBeGreaterThan(added(R1, 2) / 3);
});

test("sparse attention reads its indexer's keys beyond what it chooses, and little else", () => {
  const worker = workerOf(SPARSE);
  const before = worker.decode(64, 2000) - worker.decode(64, 1000);
  const beyond = worker.decode(64, 9000) - worker.decode(64, 8000);
  expect(beyond).toBeGreaterThan(0);
  expect(beyond).toBeLessThan(before);
});

describe("a closed loop", () => {
  test("answers more slowly, and more in all, with more requests in flight", () => {
    const points = [1, 16, 128].map((concurrency) => predict(new Map(), pointOf({ concurrency })));
    const [tpot, ttft, rate] = (["tpotMs", "ttftMs", "outTokSGpu"] as const).map((measure) =>
      points.map((point) => point[measure]),
    );
    for (const rising of [tpot, ttft, rate]) expect(rising).toEqual(rising.toSorted((a, b) => a - b));
  });

  test("decodes more slowly where prompts of others are longer", () => {
    const [short, long] = [1024, 8192].map((isl) => predict(new Map(), pointOf({ isl })));
    expect(long.tpotMs).toBeGreaterThan(short.tpotMs);
    expect(long.ttftMs).toBeGreaterThan(short.ttftMs);
  });

  test("queues where the cache has no room for all", () => {
    const gpu = gpuOf("h100");
    const crowded = predict(new Map(), pointOf({ gpu, isl: 8192, concurrency: 512 }));
    const roomy = predict(new Map(), pointOf({ gpu, isl: 8192, concurrency: 4 }));
    expect(crowded.ttftMs).toBeGreaterThan(100 * roomy.ttftMs);
  });

  test("with prompts elsewhere decodes as if there were none, until they are too few", () => {
    const shape = { tp: 8, dp: 1, ep: 1, moeTp: 8 };
    const decode = { count: 1, ...shape };
    const apart = (count: number) =>
      predict(
        new Map(),
        pointOf({
          isl: 8192,
          concurrency: 64,
          gpus: 8 + 8 * count,
          prefill: { count, ...shape },
          decode,
        }),
      );
    expect(apart(8).tpotMs).toBeLessThan(predict(new Map(), pointOf({ isl: 8192, concurrency: 64 })).tpotMs);
    expect(apart(1).ttftMs).toBeGreaterThan(apart(8).ttftMs);
    expect(apart(1).tpotMs).toBeLessThanOrEqual(apart(8).tpotMs);
  });

  test("lets requests wait beyond a power of two, where engines admit no more", () => {
    const shape = { tp: 8, dp: 1, ep: 8, moeTp: 1 };
    const strict = new Map([["admission", Math.log(1 / COMPONENTS.admission.prior)]]);
    const waiting = (concurrency: number) => {
      const point = pointOf({
        concurrency,
        gpus: 40,
        prefill: { count: 1, ...shape },
        decode: { count: 4, ...shape },
      });
      const { ttftMs, tpotMs } = predict(strict, point);
      return ttftMs / (ttftMs + point.osl * tpotMs);
    };
    // Of 84 requests on four engines 64 run; 64 all do.
    expect(waiting(84)).toBeCloseTo(1 - 64 / 84, 2);
    expect(waiting(64)).toBeLessThan(0.1);
  });

  test("has the throughput that its times come to", () => {
    const point = pointOf();
    const { ttftMs, tpotMs, outTokSGpu } = predict(new Map(), point);
    expect(outTokSGpu).toBe(outTokensPerSecondPerGpu(point, ttftMs, tpotMs));
    expect(outTokensPerSecondPerGpu({ concurrency: 2, osl: 101, gpus: 4 }, 1000, 10)).toBeCloseTo(25.25, 9);
  });
});

test("a mean of everything is finite for every GPU, precision and shape", () => {
  for (const gpu of GPUS.values()) {
    for (const precision of ["fp8", "fp4", "int4", "bf16"] as const) {
      for (const model of MODELS) {
        for (const decode of [
          { count: 1, tp: 1, dp: 8, ep: 8, moeTp: 1 },
          { count: 2, tp: 4, dp: 1, ep: 1, moeTp: 4 },
        ]) {
          const times = predict(new Map(), pointOf({ gpu, precision, model, decode, concurrency: 3 }));
          for (const value of Object.values(times)) expect(value).toBeGreaterThan(0);
          expect(Object.values(times).every(Number.isFinite)).toBe(true);
        }
      }
    }
  }
});
