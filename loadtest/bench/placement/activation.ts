import { Rng } from "../../../src/lib/rng.ts";
import { activationLoad } from "../../../src/core/placement/activation.ts";
import { wholeShares } from "../../../src/core/shares/whole-shares.ts";
import type { LayerTally } from "../../../src/model/layer-tally.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "./bench.ts";
import type { Aim, BenchTable } from "./bench-table.ts";
import { type Dispatcher, dispatch, dispatcher } from "./dispatched.ts";
import { eplbGlobal, plimsoll, pool, poolName } from "./pools.ts";
import { cut, independentTokens, interleaved, loadOf, range, type RoutedTokens } from "./routed-tokens.ts";

interface Sizes {
  readonly pools: readonly Topology[];
  /** Tokens of a pool-wide batch. */
  readonly batches: readonly number[];
  /** Token numbers that are placed from; batches are cut from those after them. */
  readonly placed: readonly [first: number, end: number];
  /** Batches of each size. */
  readonly count: number;
}

const SIZES: Sizes = {
  pools: [pool(288, 32), pool(320, 64)],
  batches: [32, 64, 128],
  placed: [134_464, 200_000],
  count: 64,
};

/** How many experts the GPUs must read in decode: what a batch's time is made of when it has few tokens. */
export function activationTable({ input, seed, progress }: Bench, sizes: Sizes = SIZES): BenchTable {
  const { stream, loads } = input;
  const [first, end] = sizes.placed;
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const tokens of sizes.batches) {
    const drawn = independentTokens(
      loads[0],
      tokens * sizes.count,
      stream.trace.topk,
      new Rng(seed, 5, tokens),
    );
    const cases: { name: string; load: ExpertLoad; source: RoutedTokens; order: Int32Array }[] = [
      {
        name: "stream, a request per token",
        load: loadOf(stream, range(first, end)),
        source: stream,
        order: interleaved(stream, end, tokens),
      },
      { name: "published loads", load: loads[0], source: drawn, order: range(0, drawn.trace.tokens) },
    ];
    for (const { name, load, source, order } of cases) {
      const batches = spread(cut(order, tokens), sizes.count);
      for (const topology of sizes.pools) {
        progress(`activation: ${name}, ${tokens} tokens, ${poolName(topology)}`);
        const aim = activationLoad(load, tokens, source.trace.topk);
        const placement = plimsoll(aim, topology);
        const shares = wholeShares(placement, indexReplicas(placement), aim, fullCapacity(topology).speeds);
        const theirs = activated(dispatcher(eplbGlobal(load, topology), "static"), source, batches, seed);
        const ours = activated(dispatcher(placement, "even", shares), source, batches, seed);
        aims.push({
          what: `worst GPU's activated experts / EPLB's, ${name}, ${tokens} tokens, ${poolName(topology)}`,
          measured: ours.worst / theirs.worst,
          atMost: 1,
        });
        rows.push([
          name,
          tokens,
          poolName(topology),
          theirs.worst,
          ours.worst,
          ours.worst / theirs.worst,
          theirs.mean,
          ours.mean,
          theirs.fullest,
          ours.fullest,
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
      { name: "most tokens: EPLB", digits: 2 },
      { name: "most tokens: Plimsoll", digits: 2 },
    ],
    rows,
    notes: [
      `Means over ${sizes.count} batches and all layers. Plimsoll: \`--objective activation\`, one replica per expert in use.`,
    ],
    aims,
  };
}

/** So many of the batches, evenly. */
function spread(batches: readonly Int32Array[], count: number): Int32Array[] {
  const most = Math.min(count, batches.length);
  return Array.from({ length: most }, (_, i) => batches[Math.floor((i * batches.length) / most)]);
}

/** Per batch and layer, on average: activated experts of the worst GPU and of the mean GPU, and the fullest's tokens. */
function activated(way: Dispatcher, source: RoutedTokens, batches: readonly Int32Array[], seed: number) {
  const { topology } = way.map.placement;
  const gpus = gpuCount(topology);
  let worst = 0;
  let total = 0;
  let fullest = 0;
  let count = 0;
  dispatch(way, source, batches, seed, ({ slotLoad, gpuLoad }: LayerTally) => {
    let most = 0;
    for (let gpu = 0; gpu < gpus; gpu++) {
      let active = 0;
      for (let i = 0; i < topology.slotsPerGpu; i++) {
        if (slotLoad[gpu * topology.slotsPerGpu + i] > 0) active++;
      }
      total += active;
      most = Math.max(most, active);
    }
    worst += most;
    fullest += Math.max(...gpuLoad);
    count++;
  });
  return { worst: worst / count, mean: total / count / gpus, fullest: fullest / count };
}
