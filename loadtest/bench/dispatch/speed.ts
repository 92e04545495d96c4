import { replicaChooser } from "../../../src/core/dispatch/choosers.ts";
import { Dispatcher } from "../../../src/core/dispatch/dispatcher.ts";
import { LayoutBuilder } from "../../../src/core/dispatch/layout-builder.ts";
import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import type { TokenBatch } from "../../../src/core/dispatch/token-batch.ts";
import { DISPATCH_POLICIES } from "../../../src/model/dispatch-policy.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { interleavedTimes } from "../interleaved-times.ts";
import { poolName } from "../pools.ts";
import { SPEED_POOLS, speedBatches, speedMap, speedTokens } from "./speed-pools.ts";

/** Millions of selections a second that `priced` should decide, on a pool of so many GPUs, in batches of this size. */
const PRICED_AIM = { gpus: 32, tokens: 4096, perSecond: 20 };
/**
 * What a selection of the largest batch may take, of the time that one of a sixteenth of it takes: linear but for the
 * caches, which hold the smaller one's part of the trace.
 */
const LINEAR_AIM = 1.5;

const PRICED = "priced";
const WHOLE = "priced, checked and laid out";

interface Sizes {
  readonly pools: readonly Topology[];
  readonly batches: readonly number[];
  /** Tokens of a round at least. */
  readonly tokens: number;
  readonly warmUp: number;
  readonly rounds: number;
}

const SIZES: Sizes = {
  pools: SPEED_POOLS,
  batches: [256, 1024, 4096, 16_384],
  tokens: 4096,
  warmUp: 2,
  rounds: 5,
};

/** How many selections a second one core decides. */
export function speedTable(
  bench: Bench,
  { pools, batches, tokens, warmUp, rounds }: Sizes = SIZES,
): BenchTable {
  const { progress } = bench;
  progress("speed: drawing tokens");
  const drawn = speedTokens(bench, Math.max(tokens, ...batches));
  const { layers, topk } = drawn.trace;
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const topology of pools) {
    const map = speedMap(bench, topology);
    const pricedNs: number[] = [];
    for (const size of batches) {
      progress(`speed: ${poolName(topology)}, ${size} tokens`);
      const count = Math.max(tokens, size);
      const ways = waysOf(map, speedBatches(map, drawn, size, count), bench.seed);
      const times = interleavedTimes(ways, warmUp, rounds);
      const selections = count * layers * topk;
      for (const [name, { medianMs, leastMs }] of Object.entries(times)) {
        const ns = (medianMs * 1e6) / selections;
        rows.push([
          poolName(topology),
          name,
          size,
          selections / medianMs / 1e3,
          selections / leastMs / 1e3,
          ns,
        ]);
        if (name !== PRICED) continue;
        pricedNs.push(ns);
        if (gpuCount(topology) === PRICED_AIM.gpus && size === PRICED_AIM.tokens) {
          aims.push({
            what: `M selections/s, ${PRICED}, ${poolName(topology)}, batches of ${size}`,
            measured: 1e3 / ns,
            atLeast: PRICED_AIM.perSecond,
          });
        }
      }
    }
    aims.push({
      what: `time per selection, ${PRICED}, ${poolName(topology)}: batches of ${batches[batches.length - 1]} / of ${batches[1]}`,
      measured: pricedNs[pricedNs.length - 1] / pricedNs[1],
      atMost: LINEAR_AIM,
    });
  }
  return {
    title: `Speed, warm, one core: ${layers} layers, each with a placement of its own`,
    columns: [
      { name: "slots/GPUs/nodes" },
      { name: "what" },
      { name: "batch" },
      { name: "M selections/s, median", digits: 1 },
      { name: "M selections/s, best", digits: 1 },
      { name: "ns per selection", digits: 1 },
    ],
    rows,
    notes: [
      `${rounds} rounds, all ways in turn in each. Tokens and placement of published loads. \`layout\` alone lays out what ` +
        "`priced` chose.",
    ],
    aims,
  };
}

/** Each runs the batches through all layers. */
function waysOf(map: ReplicaMap, batches: readonly TokenBatch[], seed: number): Record<string, () => void> {
  const { layers, topology } = map.placement;
  const { tokens, topk } = batches[0];
  const slots = new Int32Array(tokens * topk);
  const choosing = DISPATCH_POLICIES.map((policy) => {
    const chooser = replicaChooser(policy, map, seed);
    const run = () => {
      for (const batch of batches) {
        for (let layer = 0; layer < layers; layer++) chooser.choose(layer, layer * topk, batch, slots);
      }
    };
    return [policy, run] as const;
  });
  const dispatcher = new Dispatcher(map.placement, replicaChooser(PRICED, map, seed));
  const chosen = batches.map((batch) =>
    Array.from({ length: layers }, (_, layer) => dispatcher.choose(layer, layer * topk, batch).slice()),
  );
  const builder = new LayoutBuilder(topology);
  return {
    ...Object.fromEntries(choosing),
    layout: () => {
      for (const layerSlots of chosen) for (const layer of layerSlots) builder.build(tokens, topk, layer);
    },
    [WHOLE]: () => {
      for (const batch of batches) {
        for (let layer = 0; layer < layers; layer++) {
          dispatcher.choose(layer, layer * topk, batch);
          dispatcher.layout();
        }
      }
    },
  };
}
