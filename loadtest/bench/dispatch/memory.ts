import { replicaChooser } from "../../../src/core/dispatch/choosers.ts";
import { Dispatcher } from "../../../src/core/dispatch/dispatcher.ts";
import { DISPATCH_POLICIES } from "../../../src/model/dispatch-policy.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { poolName } from "../pools.ts";
import { allocatedPerCall } from "./allocated.ts";
import { SPEED_POOLS, speedBatches, speedMap, speedTokens } from "./speed-pools.ts";

/** Bytes for a batch in all its layers: one object, the least there is. */
const BYTES_AIM = 16;
const CALLS = 2;
/** Batches before the first measurement: compiled code boxes no numbers, what comes before it may. */
const WARM_UP = 40;

interface Sizes {
  readonly pools: readonly Topology[];
  readonly batches: readonly number[];
  readonly warmUp: number;
  readonly trials: number;
}

const SIZES: Sizes = { pools: SPEED_POOLS, batches: [256, 4096], warmUp: WARM_UP, trials: 3 };

/** What a batch leaves to the garbage collector once everything is warm. */
export function memoryTable(bench: Bench, { pools, batches, warmUp, trials }: Sizes = SIZES): BenchTable {
  const { progress, seed } = bench;
  const drawn = speedTokens(bench, Math.max(...batches));
  const { layers, topk } = drawn.trace;
  const rows: (string | number | null)[][] = [];
  const aims: Aim[] = [];
  for (const topology of pools) {
    progress(`memory: ${poolName(topology)}`);
    const map = speedMap(bench, topology);
    for (const policy of DISPATCH_POLICIES) {
      const dispatcher = new Dispatcher(map.placement, replicaChooser(policy, map, seed));
      const left = batches.map((size) => {
        const [batch] = speedBatches(map, drawn, size, size);
        const run = () => {
          for (let layer = 0; layer < layers; layer++) {
            dispatcher.choose(layer, layer * topk, batch);
            dispatcher.layout();
          }
        };
        // Code is warm by the first size already.
        for (let i = 0; size === batches[0] && i < warmUp; i++) run();
        return allocatedPerCall(run, CALLS, trials);
      });
      rows.push([poolName(topology), policy, ...left]);
      for (const [i, bytes] of left.entries()) {
        aims.push({
          what: `bytes left per batch of ${batches[i]}, ${policy}, ${poolName(topology)}`,
          measured: bytes ?? Number.POSITIVE_INFINITY,
          atMost: BYTES_AIM,
        });
      }
    }
  }
  return {
    title: `Memory: bytes that a batch leaves to the garbage collector, in ${layers} layers`,
    columns: [
      { name: "slots/GPUs/nodes" },
      { name: "policy" },
      ...batches.map((size) => ({ name: `batches of ${size}` })),
    ],
    rows,
    notes: ["Checked, chosen and laid out; heap and array buffers; medians of several trials."],
    aims,
  };
}
