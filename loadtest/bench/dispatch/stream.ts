import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { pool, poolName, SAMPLE_TOKENS } from "../pools.ts";
import { loadOf, range, sampleOf } from "../routed-tokens.ts";
import { GLOBAL, HIERARCHICAL, placements, PLIMSOLL } from "./placements.ts";
import { type Measured, measuredOf, measurePolicies } from "./policies.ts";
import { STREAM_CASES, type StreamCase } from "./stream-cases.ts";

/** Of the node hops of EPLB's hierarchical placement with static dispatch. */
const NODE_HOPS_AIM = 0.9;
/** Of the idle share (1 − balancedness) of EPLB's global placement with static dispatch. */
const IDLE_AIM = 0.5;

interface Sizes {
  readonly pools: readonly Topology[];
  readonly cases: readonly StreamCase[];
}

const SIZES: Sizes = { pools: [pool(288, 32, 4), pool(320, 64, 8)], cases: STREAM_CASES };

/** Every policy on every placement, on tokens that come after those the placement was made from. */
export function streamTable({ input, seed, progress }: Bench, { pools, cases }: Sizes = SIZES): BenchTable {
  const { stream, groups } = input;
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const { name, placed, batches } of cases) {
    const dispatched = batches(stream);
    const known = range(...placed);
    const load = loadOf(stream, known);
    const sample = sampleOf(stream, known, SAMPLE_TOKENS);
    for (const topology of pools) {
      progress(`stream: ${name}, ${poolName(topology)}`);
      const made = placements({ load, sample, groups }, topology);
      const measured = measurePolicies(made, stream, dispatched, seed);
      const fewHops = measuredOf(measured, HIERARCHICAL, "static");
      const balanced = measuredOf(measured, GLOBAL, "static");
      const hopRatio = ({ nodeHopsPerToken }: Measured) => nodeHopsPerToken / fewHops.nodeHopsPerToken;
      const idleRatio = ({ balancedness }: Measured) => (1 - balancedness) / (1 - balanced.balancedness);
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
          m.activationBalancedness,
          hopRatio(m),
          idleRatio(m),
        ]);
      }
      const ours = measuredOf(measured, PLIMSOLL, "priced");
      const where = `Plimsoll, priced, ${name}, ${poolName(topology)}`;
      aims.push({
        what: `node hops / hierarchical + static, ${where}`,
        measured: hopRatio(ours),
        atMost: NODE_HOPS_AIM,
      });
      aims.push({
        what: `idle share / global + static, ${where}`,
        measured: idleRatio(ours),
        atMost: IDLE_AIM,
      });
    }
  }
  return {
    title: "Stream: hops per token and layer, and balance",
    columns: [
      { name: "batches" },
      { name: "slots/GPUs/nodes" },
      { name: "placement" },
      { name: "policy" },
      { name: "node hops", digits: 3 },
      { name: "rank hops", digits: 3 },
      { name: "balancedness", digits: 3 },
      { name: "possible there", digits: 3 },
      { name: "activation balancedness", digits: 3 },
      { name: "node hops / hierarchical + static", digits: 3 },
      { name: "idle share / global + static", digits: 3 },
    ],
    rows,
    notes: [
      `${input.source.stream}. Sources in equal blocks of each batch; shares solved for the tokens placed from.`,
    ],
    aims,
  };
}
