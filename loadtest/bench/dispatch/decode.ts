import { layerLoad } from "../../../src/model/load.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { DECODE_SIZES, decodeBatches, type DecodeSizes } from "../decode-batches.ts";
import { meanActivated } from "../dispatched.ts";
import { pool, poolName } from "../pools.ts";
import { loadOf, type RoutedTokens } from "../routed-tokens.ts";
import { activationPlacement, GLOBAL, placements, PLIMSOLL_ACTIVATION } from "./placements.ts";
import { measuredOf, measurePolicies } from "./policies.ts";

/** Of the activated experts on the worst GPU under EPLB's global placement with static dispatch. */
const ACTIVATED_AIM = 0.85;

interface Sizes extends DecodeSizes {
  readonly pools: readonly Topology[];
}

const SIZES: Sizes = { ...DECODE_SIZES, pools: [pool(288, 32, 4), pool(320, 64, 8)] };

/** What decode batches make the GPUs read, for every policy on every placement. */
export function decodeTable(bench: Bench, sizes: Sizes = SIZES): BenchTable {
  const { input, seed, progress } = bench;
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const tokens of sizes.batches) {
    for (const { name, load, trace, source, batches } of decodeBatches(bench, tokens, sizes)) {
      const known = { load, trace, groups: input.groups };
      for (const topology of sizes.pools) {
        progress(`decode: ${name}, ${tokens} tokens, ${poolName(topology)}`);
        const made = [...placements(known, topology), activationPlacement(known, topology, tokens)];
        const measured = measurePolicies(made, source, batches, seed);
        const least = leastActivated(source, batches, gpuCount(topology));
        const yardstick = measuredOf(measured, GLOBAL, "static").activatedOnWorstGpu;
        for (const m of measured) {
          rows.push([
            name,
            tokens,
            poolName(topology),
            m.placement,
            m.policy,
            m.activatedOnWorstGpu,
            meanActivated(m),
            least,
            m.activatedOnWorstGpu / yardstick,
            m.balancedness,
            m.nodeHopsPerToken,
            m.hopsPerToken,
          ]);
        }
        aims.push({
          what: `worst GPU's activated experts / global + static, ${name}, ${tokens} tokens, ${poolName(topology)}`,
          measured: measuredOf(measured, PLIMSOLL_ACTIVATION, "activation").activatedOnWorstGpu / yardstick,
          atMost: ACTIVATED_AIM,
        });
      }
    }
  }
  return {
    title: "Decode: activated experts per GPU and layer",
    columns: [
      { name: "tokens from" },
      { name: "batch" },
      { name: "slots/GPUs/nodes" },
      { name: "placement" },
      { name: "policy" },
      { name: "worst GPU", digits: 2 },
      { name: "mean GPU", digits: 2 },
      { name: "least possible", digits: 2 },
      { name: "worst / global + static", digits: 3 },
      { name: "balancedness of tokens", digits: 3 },
      { name: "node hops", digits: 2 },
      { name: "rank hops", digits: 2 },
    ],
    rows,
    notes: [
      `Means over ${sizes.count} batches and all layers. On any placement the worst GPU reads at least the batch's distinct ` +
        "experts / GPUs, rounded up.",
    ],
    aims,
  };
}

/** Distinct experts per GPU, rounded up; mean over batches and layers. */
function leastActivated(source: RoutedTokens, batches: readonly Int32Array[], gpus: number): number {
  const { layers } = source.trace;
  let sum = 0;
  for (const rows of batches) {
    const load = loadOf(source, rows);
    for (let layer = 0; layer < layers; layer++) {
      const distinct = layerLoad(load, layer).reduce((count, tokens) => count + (tokens > 0 ? 1 : 0), 0);
      sum += Math.ceil(distinct / gpus);
    }
  }
  return sum / batches.length / layers;
}
