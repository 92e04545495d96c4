import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadGpu } from "../../src/config/gpus/load-gpu.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { addDecode, addPrefill, noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { evenTally } from "../../src/core/cost/even-tally.ts";
import { ENGINE_H800, H800, type Hardware } from "../../src/core/cost/hardware.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import type { LayerTally } from "../../src/model/layer-tally.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import { type Topology, gpuCount } from "../../src/model/topology.ts";
import { COMPONENT_NAMES } from "../../src/twin/calibration/constants.ts";
import { constantsAt } from "../../src/twin/calibration/factors.ts";
import { gpuHardware } from "../../src/twin/calibration/gpu-hardware.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { runs } from "../runs.ts";

const V3 = await loadModel("deepseek-v3");
const gpu = (name: string) => loadGpu(name, { sourceOf: () => "test", field: [] });
const CONSTANTS = constantsAt(COMPONENT_NAMES.map(() => 0));
const GB200 = gpuHardware(await gpu("gb200"), CONSTANTS);
const MACHINES = [H800, ENGINE_H800, gpuHardware(await gpu("h200"), CONSTANTS), GB200];
const POOLS: readonly { readonly model: MoeModel; readonly topology: Topology }[] = [
  { model: SMALL_MODEL, topology: { nodes: 1, gpusPerNode: 1, slotsPerGpu: 32 } },
  { model: SMALL_MODEL, topology: { nodes: 1, gpusPerNode: 4, slotsPerGpu: 8 } },
  { model: SMALL_MODEL, topology: { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 } },
  { model: V3, topology: { nodes: 1, gpusPerNode: 8, slotsPerGpu: 32 } },
  { model: V3, topology: { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 } },
  { model: V3, topology: { nodes: 9, gpusPerNode: 8, slotsPerGpu: 4 } },
];
const RUNS = { numRuns: runs(30), seed: 7 };
/** Rounding. */
const NO_LESS = 1 - 1e-9;

interface Step {
  /** Of every rank. */
  readonly answers: number;
  readonly context: number;
  readonly prompt: number;
}

const pool = fc.constantFrom(...POOLS);
const machine = fc.constantFrom(...MACHINES);
const step = fc.oneof(
  fc.record({
    answers: fc.integer({ min: 1, max: 600 }),
    context: fc.integer({ min: 1, max: 20_000 }),
    prompt: fc.constant(0),
  }),
  fc.record({
    answers: fc.constant(0),
    context: fc.constant(0),
    prompt: fc.integer({ min: 1, max: 20_000 }),
  }),
);

/** Others of so many places that a token's experts are on. */
function hopsAmong(places: number, topk: number): number {
  return (places - 1) * (1 - (1 - 1 / places) ** topk);
}

function tallyOf(
  { model, topology }: (typeof POOLS)[number],
  tokensPerRank: number,
  farther = 1,
): LayerTally {
  const hops = farther * hopsAmong(gpuCount(topology), model.topk);
  const nodeHops = farther * hopsAmong(topology.nodes, model.topk);
  return evenTally(topology, { tokensPerRank, topk: model.topk, hops, nodeHops });
}

function timeOf(
  on: (typeof POOLS)[number],
  hardware: Hardware,
  { answers, context, prompt }: Step,
  { overlaps = true, change = (tally: LayerTally) => tally, farther = 1 } = {},
): PassTime {
  const { model, topology } = on;
  const work = noAttentionWork();
  for (let i = 0; i < answers; i++) addDecode(work, context, []);
  if (prompt > 0) addPrefill(work, 0, prompt, []);
  const ranks = Array.from({ length: gpuCount(topology) }, () => work);
  const time = new PassTime(new StepCost(model, topology, hardware, { overlaps }), ranks);
  const tally = change(tallyOf(on, work.tokens, farther));
  for (const _ of model.moeLayers) time.add(tally);
  return time;
}

const secondsOf = (...of: Parameters<typeof timeOf>) => timeOf(...of).seconds;

/** Rates that are a GPU's, each alone twice as high; waits half as long. */
const FASTER: Readonly<Record<string, (is: Hardware) => Partial<Hardware>>> = {
  projections: ({ projectionFlops }) => ({ projectionFlops: 2 * projectionFlops }),
  experts: ({ expertFlops }) => ({ expertFlops: 2 * expertFlops }),
  attention: ({ attentionFlops }) => ({ attentionFlops: 2 * attentionFlops }),
  prompts: ({ promptRate }) => ({ promptRate: 2 * promptRate }),
  weights: ({ weightBandwidth }) => ({ weightBandwidth: 2 * weightBandwidth }),
  reading: ({ expertReading }) => ({ expertReading: 2 * expertReading }),
  head: ({ head }) => ({ head: { flops: 2 * head.flops, bandwidth: 2 * head.bandwidth } }),
  cache: ({ kvBandwidth }) => ({ kvBandwidth: 2 * kvBandwidth }),
  nvlink: ({ nvlinkBandwidth }) => ({ nvlinkBandwidth: 2 * nvlinkBandwidth }),
  rdma: ({ rdmaBandwidth }) => ({ rdmaBandwidth: 2 * rdmaBandwidth }),
  "normal floors": ({ normalFloorUs: { dispatch, combine } }) => ({
    normalFloorUs: { dispatch: dispatch / 2, combine: combine / 2 },
  }),
  // A full exchange is measured with its floor: the one is not faster without the other.
  "low latency": ({ lowLatency, lowLatencyFloorUs: floor }) => ({
    lowLatencyFloorUs: { dispatch: floor.dispatch / 2, combine: floor.combine / 2 },
    lowLatency: lowLatency.map(({ ranks, dispatchUs, combineUs }) => ({
      ranks,
      dispatchUs: dispatchUs / 2,
      combineUs: combineUs / 2,
    })),
  }),
  doublings: ({ exchangeDoublingUs }) => ({ exchangeDoublingUs: exchangeDoublingUs / 2 }),
  launches: ({ fixed }) => ({
    fixed: {
      step: fixed.step / 2,
      layer: fixed.layer / 2,
      promptLayer: fixed.promptLayer / 2,
      launch: fixed.launch / 2,
      promptToken: fixed.promptToken / 2,
    },
  }),
};

describe("a step", () => {
  it("gets no shorter with more tokens, nor with longer contexts", () => {
    fc.assert(
      fc.property(pool, machine, step, fc.integer({ min: 1, max: 400 }), (on, hardware, is, more) => {
        const seconds = secondsOf(on, hardware, is);
        const longer =
          is.prompt > 0 ? { ...is, prompt: is.prompt + more } : { ...is, answers: is.answers + more };
        expect(secondsOf(on, hardware, longer)).toBeGreaterThanOrEqual(seconds * NO_LESS);
        const deeper = { ...is, context: is.context + more };
        expect(secondsOf(on, hardware, deeper)).toBeGreaterThanOrEqual(seconds * NO_LESS);
      }),
      RUNS,
    );
  });

  it("gets no shorter where tokens travel to more ranks", () => {
    fc.assert(
      fc.property(
        pool,
        machine,
        step,
        fc.double({ min: 1, max: 2, noNaN: true }),
        (on, hardware, is, farther) => {
          expect(secondsOf(on, hardware, is, { farther })).toBeGreaterThanOrEqual(
            secondsOf(on, hardware, is) * NO_LESS,
          );
        },
      ),
      RUNS,
    );
  });

  it.each(Object.entries(FASTER))("gets no longer with faster hardware: %s", (_, faster) => {
    fc.assert(
      fc.property(pool, machine, step, (on, hardware, is) => {
        const better = { ...hardware, ...faster(hardware) };
        expect(secondsOf(on, better, is) * NO_LESS).toBeLessThanOrEqual(secondsOf(on, hardware, is));
      }),
      { ...RUNS, numRuns: runs(12) },
    );
  });

  it("takes two micro-batches where they are faster, and nowhere else", () => {
    fc.assert(
      fc.property(pool, machine, step, (on, hardware, is) => {
        const [free, inTurn] = [true, false].map((overlaps) => timeOf(on, hardware, is, { overlaps }));
        expect(free.seconds).toBeLessThanOrEqual(inTurn.seconds);
        if (gpuCount(on.topology) > 1 && inTurn.gain > 0) expect(free.seconds).toBeLessThan(inTurn.seconds);
        else expect(free.seconds).toBe(inTurn.seconds);
      }),
      RUNS,
    );
  });

  it("is the shortest where experts that all have tokens are split evenly", () => {
    fc.assert(
      fc.property(pool, machine, step, fc.nat(), fc.nat(), (on, hardware, is, from, to) => {
        const { slotsPerGpu } = on.topology;
        const gpus = gpuCount(on.topology);
        // One selection of every expert stays: what is read is the same.
        const skewed = (tally: LayerTally) => {
          const [giver, taker] = [from % gpus, to % gpus];
          for (let slot = 0; slot < slotsPerGpu; slot++) {
            const moved = Math.floor(tally.slotLoad[giver * slotsPerGpu + slot] / 2);
            tally.slotLoad[giver * slotsPerGpu + slot] -= moved;
            tally.slotLoad[taker * slotsPerGpu + slot] += moved;
            tally.gpuLoad[giver] -= moved;
            tally.gpuLoad[taker] += moved;
          }
          return tally;
        };
        // Rounded to whole selections an even split is off by one.
        expect(secondsOf(on, hardware, is, { change: skewed })).toBeGreaterThanOrEqual(
          secondsOf(on, hardware, is) * (1 - 1e-3),
        );
      }),
      RUNS,
    );
  });
});

it("one GPU exchanges nothing, however fast or slow the network is", () => {
  const [on] = POOLS;
  const none = {
    ...ENGINE_H800,
    rdmaBandwidth: 1,
    nvlinkBandwidth: 1,
    lowLatencyFloorUs: { dispatch: 1e9, combine: 1e9 },
  };
  for (const is of [
    { answers: 1, context: 100, prompt: 0 },
    { answers: 0, context: 0, prompt: 5000 },
  ])
    expect(secondsOf(on, none, is)).toBe(secondsOf(on, ENGINE_H800, is));
});

it("a domain's exchanges are as fast on all of its GPUs as on most", () => {
  const at = (gpusPerNode: number) => {
    const on = { model: V3, topology: { nodes: 1, gpusPerNode, slotsPerGpu: 4 } };
    return secondsOf(on, GB200, { answers: 128, context: 2000, prompt: 0 });
  };
  expect(at(72) / at(64)).toBeLessThan(1.05);
});
