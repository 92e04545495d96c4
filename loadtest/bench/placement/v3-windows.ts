import { Rng } from "../../../src/lib/rng.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import type { PoolWindow } from "../../../src/model/pool-window.ts";
import { type Topology, gpuCount } from "../../../src/model/topology.ts";

/** Of a lognormal load: how far experts differ, and how far each strays from one window to the next. */
const SKEW = 0.8;
const DRIFT = 0.3;
const MEAN_TOKENS = 1000;
/** Tokens of a window's routing sample. */
const SAMPLE = 64;

/** Windows of one second, each another drift of the same skewed load; GPU loads are even. Seeded. */
export function driftingWindows(
  model: MoeModel,
  topology: Topology,
  count: number,
  seed: number,
): PoolWindow[] {
  const rng = new Rng(seed);
  const layers = model.moeLayers.length;
  const { experts, topk } = model;
  const gpus = gpuCount(topology);
  const skewed = Float64Array.from({ length: layers * experts }, () => Math.exp(SKEW * rng.normal()));
  return Array.from({ length: count }, () => {
    const tokens = skewed.map((load) => Math.round(MEAN_TOKENS * load * Math.exp(DRIFT * rng.normal())));
    const selections = tokens.reduce((sum, value) => sum + value, 0);
    return {
      spanMs: 1000,
      steps: 20,
      tokens: selections / layers / topk,
      load: { layers, experts, tokens },
      routing: { tokens: SAMPLE, layers, topk, experts: sampledExperts(rng, SAMPLE * layers, topk, experts) },
      gpuLoad: new Float64Array(layers * gpus).fill(selections / layers / gpus),
      serving: [...Array(gpus).keys()],
      sumMean: selections / gpus,
      sumMax: (1.1 * selections) / gpus,
      hops: selections,
      nodeHops: selections / 2,
      stepMs: 1000,
      ranks: Array.from({ length: gpus }, () => ({
        running: rng.below(64),
        waiting: rng.below(8),
        kvTokens: rng.below(500_000),
        kvCapacityTokens: 500_000,
      })),
    };
  });
}

/** `[rows][topk]`: distinct experts for every row, uniformly drawn. */
function sampledExperts(rng: Rng, rows: number, topk: number, experts: number): Int16Array {
  const chosen = new Int16Array(rows * topk).fill(-1);
  for (let row = 0; row < rows; row++) {
    const choices = chosen.subarray(row * topk, (row + 1) * topk);
    for (let i = 0; i < topk; ) {
      const expert = rng.below(experts);
      if (!choices.includes(expert)) choices[i++] = expert;
    }
  }
  return chosen;
}
