import fc from "fast-check";
import { NO_TOKENS } from "../src/core/placement/coactivation.ts";
import type { PlacementRequest } from "../src/core/placement/place-experts.ts";
import { Rng } from "../src/lib/rng.ts";
import type { ExpertLoad } from "../src/model/load.ts";
import type { PoolCapacity } from "../src/model/pool-capacity.ts";
import type { RoutingTrace } from "../src/model/routing-trace.ts";
import { gpuCount, type Topology } from "../src/model/topology.ts";

/** MoE layers of every case. */
export const LAYERS = 2;

const SAMPLE_TOKENS = 40;

/** One expert may carry nearly everything; otherwise loads are lognormal, equal or mostly idle. */
const LOADS = ["lognormal", "equal", "dominated", "idle"] as const;

/** What is to be placed: nothing divides anything, GPUs may have few slots or none, and speeds of their own. */
export const placementCase: fc.Arbitrary<PlacementRequest & { readonly seed: number }> = fc
  .record({
    nodes: fc.integer({ min: 1, max: 4 }),
    gpusPerNode: fc.integer({ min: 1, max: 4 }),
    slotsPerGpu: fc.integer({ min: 1, max: 6 }),
    redundancy: fc.integer({ min: 0, max: 100 }),
    unequal: fc.boolean(),
    speeds: fc.boolean(),
    kind: fc.constantFrom(...LOADS),
    hopWeight: fc.constantFrom(null, null, 0, 1, 10),
    /** Else only the gate's groups are known. */
    sampled: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ redundancy, unequal, speeds, kind, hopWeight, sampled, seed, ...topology }) => {
    const rng = new Rng(seed);
    const capacity = randomCapacity(rng, topology, unequal, speeds);
    const usable = capacity.slots.reduce((sum, count) => sum + count, 0);
    const experts = Math.max(1, Math.round(usable * (1 - redundancy / 100)));
    const coactivation =
      hopWeight === null
        ? null
        : {
            sample: sampled ? randomSample(rng, experts) : NO_TOKENS,
            groups: randomDivisor(rng, experts),
            hopWeight,
          };
    return { seed, topology, capacity, load: randomLoad(rng, experts, kind), coactivation };
  });

/** The load of the same pool at another time. */
export function otherLoad({ load, seed }: { readonly load: ExpertLoad; readonly seed: number }): ExpertLoad {
  const rng = new Rng(seed, 1);
  return { ...load, tokens: load.tokens.map((tokens) => tokens * Math.exp(rng.normal())) };
}

function randomCapacity(rng: Rng, topology: Topology, unequal: boolean, unevenSpeeds: boolean): PoolCapacity {
  const gpus = gpuCount(topology);
  const slots = new Int32Array(gpus).fill(topology.slotsPerGpu);
  const speeds = new Float64Array(gpus).fill(1);
  // GPU 0 stays in service: some expert must fit.
  for (let gpu = 0; gpu < gpus; gpu++) {
    // GPU 0 stays in service: some expert must fit.
    if (unequal && gpu > 0) slots[gpu] = rng.below(topology.slotsPerGpu + 1);
    if (unevenSpeeds) speeds[gpu] = 0.25 + 2 * rng.uniform();
  }
  return { slots, speeds };
}

function randomLoad(rng: Rng, experts: number, kind: (typeof LOADS)[number]): ExpertLoad {
  const tokens = Float64Array.from({ length: LAYERS * experts }, () => {
    if (kind === "equal") return 1;
    if (kind === "idle") return rng.below(4) === 0 ? 1 + rng.below(9) : 0;
    return Math.exp(rng.normal());
  });
  if (kind === "dominated") {
    for (let layer = 0; layer < LAYERS; layer++)
      tokens[layer * experts + rng.below(experts)] = 1000 * experts;
  }
  return { layers: LAYERS, experts, tokens };
}

function randomSample(rng: Rng, experts: number): RoutingTrace {
  const [layers, topk] = [1 + rng.below(LAYERS), 1 + rng.below(4)];
  const ids = Int16Array.from({ length: SAMPLE_TOKENS * layers * topk }, () =>
    rng.below(10) === 0 ? -1 : rng.below(experts),
  );
  return { tokens: SAMPLE_TOKENS, layers, topk, experts: ids };
}

function randomDivisor(rng: Rng, n: number): number {
  const divisors = Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
  return divisors[rng.below(divisors.length)];
}
