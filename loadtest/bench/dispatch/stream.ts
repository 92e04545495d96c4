import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { dispatch, givenSources } from "../dispatched.ts";
import { pool, poolName } from "../pools.ts";
import { loadOf, range, type RoutedTokens, traceOf } from "../routed-tokens.ts";
import { chosenSources } from "./chosen-ranks.ts";
import {
  alignedPlacement,
  GLOBAL,
  HIERARCHICAL,
  mapOf,
  placements,
  PLIMSOLL,
  PLIMSOLL_ALIGNED,
} from "./placements.ts";
import { type Measured, measuredOf, measurePolicies } from "./policies.ts";
import { STREAM_CASES, type StreamCase } from "./stream-cases.ts";

/** Of the idle share (1 − balancedness) of EPLB's global placement with static dispatch. */
const IDLE_AIM = 0.5;

interface Sizes {
  readonly pools: readonly Topology[];
  readonly cases: readonly StreamCase[];
}

const SIZES: Sizes = { pools: [pool(288, 32, 4), pool(320, 64, 8)], cases: STREAM_CASES };

/** Who decides where tokens start, and how many node hops that should leave. */
interface Sourcing {
  readonly name: string;
  readonly note: string;
  /** Of the node hops of EPLB's hierarchical placement with static dispatch and the sources as given. */
  readonly nodeHopsAim: number;
  /** Which placement of ours is held against the aims. */
  readonly ours: string;
  readonly sources: (
    map: ReplicaMap,
    stream: RoutedTokens,
    streamCase: StreamCase,
    batches: readonly Int32Array[],
  ) => readonly Int32Array[];
}

const GIVEN: Sourcing = {
  name: "stream",
  note: "Sources in equal blocks of each batch.",
  nodeHopsAim: 0.9,
  ours: PLIMSOLL,
  sources: (map, _stream, _case, batches) => givenSources(map, batches),
};

const CHOSEN: Sourcing = {
  name: "ranks",
  note:
    "Every request's rank is chosen with its first tokens, by what its tenant's (the stream's domain's) tokens used " +
    "before, and nodes are aligned by it; the last columns' yardsticks have their sources as given.",
  nodeHopsAim: 0.85,
  ours: PLIMSOLL_ALIGNED,
  sources: (map, stream, { phase, placed }, batches) =>
    chosenSources(map, stream, phase, range(...placed), batches),
};

/** Every policy on every placement, on tokens that come after those the placement was made from. */
export function streamTable(bench: Bench, sizes: Sizes = SIZES): BenchTable {
  return dispatchTable(bench, GIVEN, sizes);
}

/** The same where the rank of each request may be chosen. */
export function ranksTable(bench: Bench, sizes: Sizes = SIZES): BenchTable {
  return dispatchTable(bench, CHOSEN, sizes);
}

function dispatchTable(
  { input, seed, progress }: Bench,
  sourcing: Sourcing,
  { pools, cases }: Sizes,
): BenchTable {
  const { stream, groups } = input;
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const streamCase of cases) {
    const { name, placed } = streamCase;
    const batches = streamCase.batches(stream);
    const known = range(...placed);
    const knowledge = { load: loadOf(stream, known), trace: traceOf(stream, known), groups };
    for (const topology of pools) {
      progress(`${sourcing.name}: ${name}, ${poolName(topology)}`);
      const made = placements(knowledge, topology);
      if (sourcing === CHOSEN) made.push(alignedPlacement(knowledge, mapOf(made, PLIMSOLL), stream, known));
      const yardstick = (placement: string) =>
        dispatch(mapOf(made, placement), "static", stream, batches, seed);
      const fewHops = yardstick(HIERARCHICAL);
      const balanced = yardstick(GLOBAL);
      const measured = measurePolicies(made, stream, batches, seed, (map) =>
        sourcing.sources(map, stream, streamCase, batches),
      );
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
          m.fullestSource,
          hopRatio(m),
          idleRatio(m),
        ]);
      }
      const ours = measuredOf(measured, sourcing.ours, "priced");
      const where = `${sourcing.ours}, priced, ${name}, ${poolName(topology)}`;
      aims.push({
        what: `node hops / hierarchical + static, ${where}`,
        measured: hopRatio(ours),
        atMost: sourcing.nodeHopsAim,
      });
      aims.push({
        what: `idle share / global + static, ${where}`,
        measured: idleRatio(ours),
        atMost: IDLE_AIM,
      });
    }
  }
  return {
    title: `Stream${sourcing === GIVEN ? "" : ", ranks chosen"}: hops per token and layer, and balance`,
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
      { name: "fullest source / mean", digits: 2 },
      { name: "node hops / hierarchical + static", digits: 3 },
      { name: "idle share / global + static", digits: 3 },
    ],
    rows,
    notes: [`${input.source.stream}. Shares solved for the tokens placed from. ${sourcing.note}`],
    aims,
  };
}
