import { activationLoad } from "../../../src/core/placement/activation.ts";
import { wholeShares } from "../../../src/core/shares/whole-shares.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { DECODE_SIZES, decodeBatches, type DecodeSizes } from "../decode-batches.ts";
import { dispatch, meanActivated, replicaMap } from "../dispatched.ts";
import { eplbGlobal, plimsoll, pool, poolName } from "../pools.ts";

interface Sizes extends DecodeSizes {
  readonly pools: readonly Topology[];
}

const SIZES: Sizes = { ...DECODE_SIZES, pools: [pool(288, 32), pool(320, 64)] };

/** How many experts the GPUs must read in decode: what a batch's time is made of when it has few tokens. */
export function activationTable(bench: Bench, sizes: Sizes = SIZES): BenchTable {
  const { seed, progress } = bench;
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const tokens of sizes.batches) {
    for (const { name, load, source, batches } of decodeBatches(bench, tokens, sizes)) {
      for (const topology of sizes.pools) {
        progress(`activation: ${name}, ${tokens} tokens, ${poolName(topology)}`);
        const aim = activationLoad(load, tokens, source.trace.topk);
        const placement = plimsoll(aim, topology);
        const shares = wholeShares(placement, indexReplicas(placement), aim, fullCapacity(topology).speeds);
        const theirs = dispatch(replicaMap(eplbGlobal(load, topology)), "static", source, batches, seed);
        const ours = dispatch(replicaMap(placement, shares), "even", source, batches, seed);
        aims.push({
          what: `worst GPU's activated experts / EPLB's, ${name}, ${tokens} tokens, ${poolName(topology)}`,
          measured: ours.activatedOnWorstGpu / theirs.activatedOnWorstGpu,
          atMost: 1,
        });
        rows.push([
          name,
          tokens,
          poolName(topology),
          theirs.activatedOnWorstGpu,
          ours.activatedOnWorstGpu,
          ours.activatedOnWorstGpu / theirs.activatedOnWorstGpu,
          meanActivated(theirs),
          meanActivated(ours),
          theirs.balancedness,
          ours.balancedness,
        ]);
      }
    }
  }
  return {
    title: "Decode: activated experts per GPU and layer",
    columns: [
      { name: "tokens from" },
      { name: "batch" },
      { name: "slots/GPUs" },
      { name: "worst GPU: EPLB, static", digits: 2 },
      { name: "worst GPU: Plimsoll", digits: 2 },
      { name: "ratio", digits: 3 },
      { name: "mean GPU: EPLB", digits: 2 },
      { name: "mean GPU: Plimsoll", digits: 2 },
      { name: "balancedness of tokens: EPLB", digits: 3 },
      { name: "balancedness of tokens: Plimsoll", digits: 3 },
    ],
    rows,
    notes: [
      `Means over ${sizes.count} batches and all layers. Plimsoll: \`--objective activation\`, one replica per expert in use.`,
    ],
    aims,
  };
}
