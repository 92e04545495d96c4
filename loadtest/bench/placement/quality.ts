import { certify } from "../../../src/core/placement/certificate.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { gpuLoads } from "../../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import { BOUND_KINDS } from "../../../src/model/certificate.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { indexReplicas, type Placement } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import { slotCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { eplbGlobal, plimsoll, pool, poolName } from "../pools.ts";
import { cut, loadOf, range } from "../routed-tokens.ts";

/** Of the gap to the bound, in %. */
const MEAN_AIM = 0.2;
const WORST_AIM = 1;

interface Sizes {
  readonly pools: readonly Topology[];
  /** Tokens of a window of the stream. */
  readonly window: number;
}

const SIZES: Sizes = {
  pools: [pool(256, 32), pool(288, 32), pool(320, 64), pool(288, 72), pool(384, 128)],
  window: 65_536,
};

/** How near to what is possible the fullest GPU is, on a load that is known. */
export function qualityTable({ input, progress }: Bench, { pools, window }: Sizes = SIZES): BenchTable {
  const { loads, stream } = input;
  const windows = cut(range(0, stream.trace.tokens), window).map((rows) => loadOf(stream, rows));
  const aims: Aim[] = [];
  const rows = Object.entries({ published: loads, stream: windows }).flatMap(([name, samples]) =>
    pools.map((topology) => {
      progress(`quality: ${name} ${poolName(topology)}`);
      const even = gaps(samples, (load) => judged(load, eplbGlobal(load, topology), false));
      const exact = gaps(samples, (load) => judged(load, eplbGlobal(load, topology), true));
      const ours = gaps(samples, (load) => judged(load, plimsoll(load, topology), true));
      if (slotCount(topology) > loads[0].experts) {
        const what = `gap at ${poolName(topology)}, ${name}, %`;
        aims.push({ what: `mean ${what}`, measured: ours.mean, atMost: MEAN_AIM });
        aims.push({ what: `worst ${what}`, measured: ours.worst, atMost: WORST_AIM });
      }
      return [
        name,
        poolName(topology),
        ...[even, exact, ours].flatMap(({ mean, worst }) => [mean, worst]),
        ours.kinds,
      ];
    }),
  );
  return {
    title: "Known load: fullest GPU above the bound, %",
    columns: [
      { name: "load" },
      { name: "slots/GPUs" },
      ...["EPLB, even shares", "EPLB, exact shares", "Plimsoll"].flatMap((name) => [
        { name: `${name}: mean`, digits: 3 },
        { name: `${name}: worst`, digits: 2 },
      ]),
      { name: "layers by kind of bound" },
    ],
    rows,
    notes: [`published: ${input.source.loads}; stream: ${windows.length} windows of ${window} tokens.`],
    aims,
  };
}

type Judged = ReturnType<typeof certify>["layers"];

function judged(load: ExpertLoad, placement: Placement, exact: boolean): Judged {
  const replicas = indexReplicas(placement);
  const { values } = exact ? solveShares(placement, replicas, load) : evenShares(placement, replicas);
  return certify(load, fullCapacity(placement.topology), gpuLoads(placement, values, load)).layers;
}

function gaps(samples: readonly ExpertLoad[], judge: (load: ExpertLoad) => Judged) {
  const layers = samples.flatMap(judge);
  const percent = layers.map(({ gap }) => 100 * gap);
  const counts = BOUND_KINDS.map((kind) => [kind, layers.filter((layer) => layer.kind === kind).length]);
  return {
    mean: percent.reduce((a, b) => a + b, 0) / percent.length,
    worst: Math.max(...percent),
    kinds: counts
      .filter(([, count]) => count !== 0)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", "),
  };
}
