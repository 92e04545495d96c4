import type { GateShape } from "../../../src/core/gate/v3-gate.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { pool, poolName } from "../pools.ts";
import { cut, loadOf, range, traceOf } from "../routed-tokens.ts";
import { gateTokens, skewedBias } from "./gate-tokens.ts";
import { HIERARCHICAL, placements, PLIMSOLL } from "./placements.ts";
import { measuredOf, measurePolicies } from "./policies.ts";

const BALANCEDNESS_AIM = 0.97;
/** The skew of the published case: what the hottest experts get of all selections. */
const HOTTEST = 32;
const HOTTEST_SHARE = 0.39;

interface Sizes {
  readonly pools: readonly Topology[];
  readonly layers: number;
  /** Tokens that are placed from, and of each of the batches. */
  readonly placed: number;
  readonly batch: number;
  readonly batches: number;
}

const SIZES: Sizes = {
  pools: [pool(288, 32, 4), pool(320, 64, 8), pool(384, 64, 8)],
  layers: 4,
  placed: 32_768,
  batch: 8192,
  batches: 2,
};

/** Every policy on every placement, on tokens that have nothing in common but the load they were drawn by. */
export function iidTable(
  { input, seed, progress }: Bench,
  { pools, layers, placed, batch, batches }: Sizes = SIZES,
): BenchTable {
  const { experts, topk, groups, topkGroups } = input.model;
  const limited: GateShape = { experts, topk, groups, topkGroups };
  const free: GateShape = { experts, topk, groups: 1, topkGroups: 1 };
  const flat = new Float64Array(layers * experts);
  const cases: { name: string; shape: GateShape; bias: Float64Array }[] = [
    { name: "uniform, no groups", shape: free, bias: flat },
    { name: "uniform, groups", shape: limited, bias: flat },
    { name: "skewed, groups", shape: limited, bias: skewed(limited, layers, new Rng(seed, 9)) },
  ];
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const [i, { name, shape, bias }] of cases.entries()) {
    const drawn = gateTokens(shape, bias, placed + batch * batches, new Rng(seed, 10, i));
    const past = range(0, placed);
    const known = { load: loadOf(drawn, past), trace: traceOf(drawn, past), groups };
    for (const topology of pools) {
      progress(`iid: ${name}, ${poolName(topology)}`);
      const measured = measurePolicies(
        placements(known, topology),
        drawn,
        cut(range(placed, drawn.trace.tokens), batch),
        seed,
      );
      const fewHops = measuredOf(measured, HIERARCHICAL, "static");
      for (const m of measured) {
        rows.push([
          name,
          poolName(topology),
          m.placement,
          m.policy,
          m.nodeHopsPerToken,
          m.hopsPerToken,
          m.balancedness,
          m.possible,
          m.nodeHopsPerToken / fewHops.nodeHopsPerToken,
        ]);
      }
      const ours = measuredOf(measured, PLIMSOLL, "priced");
      const where = `Plimsoll, priced, ${name}, ${poolName(topology)}`;
      aims.push({
        what: `node hops / hierarchical + static, ${where}`,
        measured: ours.nodeHopsPerToken / fewHops.nodeHopsPerToken,
        atMost: 1,
      });
      aims.push({
        what: `balancedness, ${where}`,
        measured: ours.balancedness,
        atLeast: BALANCEDNESS_AIM,
      });
    }
  }
  return {
    title: "Independent tokens: hops per token and layer, and balance",
    columns: [
      { name: "scores" },
      { name: "slots/GPUs/nodes" },
      { name: "placement" },
      { name: "policy" },
      { name: "node hops", digits: 3 },
      { name: "rank hops", digits: 3 },
      { name: "balancedness", digits: 3 },
      { name: "possible there", digits: 3 },
      { name: "node hops / hierarchical + static", digits: 3 },
    ],
    rows,
    notes: [
      `${layers} layers, placed from ${placed} tokens, ${batches} batches of ${batch}. Skewed: biases such that ` +
        `the hottest ${HOTTEST} experts get ${100 * HOTTEST_SHARE} % of the selections.`,
    ],
    aims,
  };
}

/** `[layers][experts]` */
function skewed(shape: GateShape, layers: number, rng: Rng): Float64Array {
  const bias = new Float64Array(layers * shape.experts);
  for (let layer = 0; layer < layers; layer++) {
    bias.set(skewedBias(shape, HOTTEST, HOTTEST_SHARE, rng), layer * shape.experts);
  }
  return bias;
}
