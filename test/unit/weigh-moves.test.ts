import { describe, expect, it } from "vitest";
import { H800, type Hardware } from "../../src/core/cost/hardware.ts";
import { nodeHopCost } from "../../src/core/cost/hop-cost.ts";
import { noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import { whileTransferring } from "../../src/twin/pool/shared-network.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { PlacementComparer } from "../../src/core/planning/compare-placements.ts";
import { Forgone } from "../../src/core/planning/forgone.ts";
import { UNKNOWN_MACHINE } from "../../src/core/planning/machine.ts";
import type { Plan } from "../../src/core/planning/plan.ts";
import type { Predicted } from "../../src/core/planning/prediction.ts";
import { restCost } from "../../src/core/planning/rest-cost.ts";
import { MoveScale } from "../../src/core/planning/weigh-moves.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { Rng } from "../../src/lib/rng.ts";
import { expertBytes } from "../../src/model/moe-model.ts";
import { type Placement, indexReplicas } from "../../src/model/placement.ts";
import { PLAIN_SHAPE } from "../../src/model/engine-shape.ts";
import { Timeline } from "../../src/twin/run/timeline.ts";
import { PoolBalance } from "../../src/twin/run/pool-balance.ts";
import { EP32, SMALL_MODEL, SMALL_MOE_LAYERS, SMALL_TOPOLOGY } from "../../harness/small-model.ts";

const model = await loadModel("deepseek-v3");
/** ms that an expert travels by itself. */
const expertMs = (expertBytes(model) / H800.rdmaBandwidth) * 1000;

function predicted(cost: number, exchange = 0, lasting = cost): Predicted {
  const layerCosts = new Float64Array(2).fill(cost / 2);
  return { balancedness: 1, nodeHops: 0, cost, exchange, placed: cost, lasting, layerCosts };
}

function moves(each: number) {
  return { slots: 32 * each, bytes: 0, received: new Int32Array(32).fill(each) };
}

describe("what moves are worth", () => {
  it("is the part of tokens that a pool forwards more, from when weights begin to travel", () => {
    const rng = new Rng(3);
    for (let i = 0; i < 200; i++) {
      const placementMs = 2000 + 60_000 * rng.uniform();
      const exchange = 3 * rng.uniform();
      const before = predicted(2 + exchange, exchange);
      const after = predicted(before.cost * (0.7 + 0.28 * rng.uniform()));
      const each = 1 + rng.below(400);
      const { worth, neededGain, gain } = new MoveScale(model, UNKNOWN_MACHINE, placementMs).weigh(
        before,
        after,
        moves(each),
      );
      // Either flow has half of the links: weights and exchange take twice as long.
      const travelMs = 2 * each * expertMs;
      const stays = placementMs / before.cost;
      const goes = travelMs / (before.cost + exchange) + (placementMs - travelMs) / after.cost;
      if (neededGain > 0.002) expect(worth).toBeCloseTo(goes / stays - 1, 9);
      expect(gain - neededGain).toBe(worth);
    }
  });

  it("is less than nothing where weights would travel until placements come round", () => {
    const scale = new MoveScale(model, UNKNOWN_MACHINE, 1000);
    expect(scale.weigh(predicted(4, 2), predicted(2), moves(500)).worth).toBeLessThan(0);
  });

  it("follows the machine: a network of half the rate takes twice as long", () => {
    const hardware = { ...H800, rdmaBandwidth: H800.rdmaBandwidth / 2 };
    const [fast, slow] = [UNKNOWN_MACHINE, { hardware, shape: PLAIN_SHAPE }].map((machine) =>
      new MoveScale(model, machine, 60_000).weigh(predicted(4, 2), predicted(3.8), moves(300)),
    );
    expect(slow.transferMs).toBeCloseTo(2 * fast.transferMs, 9);
    expect(slow.neededGain).toBeCloseTo(2 * fast.neededGain, 9);
    // Each GPU of an expert unit receives its part.
    const halves = new MoveScale(model, { hardware, shape: { attentionTp: 1, moeTp: 2 } }, 60_000);
    expect(halves.weigh(predicted(4, 2), predicted(3.8), moves(300)).transferMs).toBeCloseTo(
      fast.transferMs,
      9,
    );
  });

  it("counts the rest of the step: of DeepSeek-V3 somewhat less than the routed experts", () => {
    // In thousand millions of weights: attention, three dense layers, shared experts and gates; top-8 experts in 58 layers.
    const part = (11.41 + 1.19 + 2.55 + 0.11) / 20.43;
    expect(restCost(model, H800)).toBeCloseTo(part * (1215 / 1118), 3);
  });
});

describe("what is charged while weights travel", () => {
  it("is what the twin's steps lose meanwhile: of prompts, but for their core attention", () => {
    const hops = 2.25;
    const tokens = 4096;
    const tally = layerTally(EP32);
    tally.gpuLoad.fill(8 * tokens);
    tally.slotLoad.fill((8 * tokens) / 9);
    tally.nodeSends.fill(hops * tokens);
    tally.nodeReceives.fill(hops * tokens);
    tally.rankReceives.fill(6 * tokens);
    const ranks = Array.from({ length: 32 }, () => ({ ...noAttentionWork(), tokens }));
    const step = (hardware: Hardware) => {
      const pass = new PassTime(new StepCost(model, EP32, hardware, { overlaps: false }), ranks);
      for (const _ of model.moeLayers) pass.add(tally);
      return pass.seconds;
    };
    const lost = 1 - step(H800) / step(whileTransferring(H800, EP32));
    const exchange = nodeHopCost(model, H800) * hops;
    const cost = restCost(model, H800) + 1 + exchange;
    const same = new MoveScale(model, UNKNOWN_MACHINE, 10_000).weigh(
      predicted(cost, exchange),
      predicted(cost),
      moves(400),
    );
    const charged = same.neededGain / ((2 * same.transferMs) / 10_000);
    expect(Math.abs(charged - lost)).toBeLessThan(0.04);
  });
});

describe("a gain that lasts", () => {
  it("is forgone by the time it has been there, and by its size", () => {
    const forgone = new Forgone();
    expect(forgone.by(1000)).toBe(0);
    forgone.goOn(0.01);
    expect(forgone.by(3000)).toBe(20);
    forgone.goOn(0.02);
    expect(forgone.by(4000)).toBe(40);
    forgone.goOn(0);
    expect(forgone.by(9000)).toBe(0);
  });

  /**
   * The intervals of 10 s in which a placement is taken that is always weighed against the same one.
   * @param each experts that every GPU would receive
   */
  function taken(after: Predicted, each: number, readingPart = 0): number[] {
    const topology = { nodes: 1, gpusPerNode: 32, slotsPerGpu: each };
    const make = (first: number): Placement => {
      const physicalToLogical = Int32Array.from({ length: 32 * each }, (_, slot) => first + (slot % each));
      return { layers: 1, experts: 2 * each, topology, physicalToLogical };
    };
    const [now, next] = [make(0), make(each)];
    const planOf = (placement: Placement): Plan => ({
      placement,
      replicas: indexReplicas(placement),
      shares: { values: new Float64Array(0), prices: new Float64Array(0) },
    });
    const predict = ({ placement }: Plan) => (placement === now ? predicted(4, 2) : after);
    const comparer = new PlacementComparer(model, { predict }, UNKNOWN_MACHINE, 10_000);
    const load = { layers: 1, experts: 2 * each, tokens: new Float64Array(2 * each) };
    const rest = { must: false, load, scenarios: [], sample: null, readingPart, planFor: planOf };
    return [0, 1, 2, 3, 4, 5, 6].filter((interval) => {
      const comparison = { stay: planOf(now), nowMs: 10_000 * interval, ...rest };
      return comparer.compare(comparison, [next]).enough;
    });
  }

  it("is taken at once where it wins more than its moves lose until placements come round", () => {
    expect(taken(predicted(3.9), 1)[0]).toBe(0);
  });

  it("is taken once as much has been forgone of it as its moves lose", () => {
    // Every GPU receives 400 experts, which takes 881 ms; while they travel a third of the tokens is lost.
    const after = predicted(4 / 1.012, 2, 4 / 1.012);
    const { neededGain } = new MoveScale(model, UNKNOWN_MACHINE, 10_000).weigh(
      predicted(4, 2),
      after,
      moves(400),
    );
    const intervals = Math.ceil(neededGain / 0.012);
    expect(intervals).toBe(3);
    expect(taken(after, 400)[0]).toBe(intervals);
  });

  it("is taken only for much where steps do nothing but read weights", () => {
    // Half as much more tokens when more traffic comes, and a hundredth, few experts and however long it lasts.
    expect(taken(predicted(4 / 1.5), 1, 1)[0]).toBe(0);
    expect(taken(predicted(4 / 1.012, 2, 4 / 1.012), 1, 0)[0]).toBe(0);
    expect(taken(predicted(4 / 1.012, 2, 4 / 1.012), 1, 1)).toEqual([]);
  });

  it("is never taken where it passes as the load drifts", () => {
    expect(taken(predicted(4 / 1.012, 2, 4), 400)).toEqual([]);
  });
});

describe("a pool of the twin", () => {
  it("has its own machine counted: what a network carries in no time, a slow one is not made to carry", () => {
    const rng = new Rng(11);
    const length = SMALL_MOE_LAYERS * SMALL_MODEL.experts;
    const tokens = Float64Array.from({ length }, () => 1000 * Math.exp(0.7 * rng.normal()));
    const load = { layers: SMALL_MOE_LAYERS, experts: SMALL_MODEL.experts, tokens };
    const moved = [1, 1e-5].map((part) => {
      const timeline = new Timeline();
      const balance = new PoolBalance({
        name: "pool",
        model: SMALL_MODEL,
        topology: SMALL_TOPOLOGY,
        hardware: { ...H800, rdmaBandwidth: part * H800.rdmaBandwidth },
        policy: BALANCE_POLICIES.plimsoll,
        cadence: { sharesMs: 1000, placementMs: 1000 },
        timeline,
        listener: { event: () => {} },
        adopt: () => {},
        transferring: () => {},
        window: (spanMs) => ({ spanMs, steps: 0, tokens: 1, load, routing: null }) as never,
        observed: () => {},
      });
      timeline.at(1000, () => balance.tick());
      timeline.at(60_000, () => {});
      while (timeline.next());
      return balance.movedSlots;
    });
    expect(moved[0]).toBeGreaterThan(0);
    expect(moved[1]).toBe(0);
  });
});
