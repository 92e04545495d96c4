import { HOP_WEIGHT } from "../../../src/core/placement/coactivation.ts";
import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import { eplb } from "../../../src/core/placement/eplb.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import type { DispatchPolicy } from "../../../src/model/dispatch-policy.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { dispatch, replicaMap } from "../dispatched.ts";
import { eplbGlobal, plimsoll, pool, poolName } from "../pools.ts";
import { cut, interleaved, loadOf, range, type RoutedTokens, traceOf } from "../routed-tokens.ts";

/** Of hierarchical's node hops, at hierarchical's balance or better. */
const NODE_HOPS_AIM = 0.9;

interface Sizes {
  readonly pools: readonly Topology[];
  /** Token numbers that are placed from; those after them are dispatched. */
  readonly placed: readonly [first: number, end: number];
  readonly hopWeights: readonly number[];
  /** The one of them that is held against the aim. */
  readonly judgedWeight: number;
  /** Tokens of a batch in order, and of one with so many requests in turn. */
  readonly inOrder: number;
  readonly inTurn: number;
  readonly active: number;
}

const SIZES: Sizes = {
  pools: [pool(288, 32, 4), pool(320, 64, 8)],
  placed: [134_464, 200_000],
  hopWeights: [2, 4, 6, 10, 20],
  judgedWeight: HOP_WEIGHT,
  inOrder: 16_384,
  inTurn: 4096,
  active: 128,
};

/** How many nodes and ranks a token is sent to, and at what balance. */
export function hopsTable({ input, seed, progress }: Bench, sizes: Sizes = SIZES): BenchTable {
  const { stream } = input;
  const [first, end] = sizes.placed;
  const batchings = {
    [`in order, ${sizes.inOrder}`]: cut(range(end, stream.trace.tokens), sizes.inOrder),
    [`${sizes.active} requests in turn, ${sizes.inTurn}`]: cut(
      interleaved(stream, end, sizes.active),
      sizes.inTurn,
    ),
  };
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const topology of sizes.pools) {
    const ways = waysOf(stream, input.groups, topology, sizes);
    for (const [batching, batches] of Object.entries(batchings)) {
      progress(`hops: ${poolName(topology)}, ${batching}`);
      const measured = ways.map(({ name, map, policy }) => ({
        name,
        ...dispatch(map, policy, stream, batches, seed),
      }));
      const [hierarchical] = measured;
      for (const { name, nodeHopsPerToken, hopsPerToken, balancedness } of measured) {
        const ratio = nodeHopsPerToken / hierarchical.nodeHopsPerToken;
        rows.push([batching, poolName(topology), name, nodeHopsPerToken, hopsPerToken, balancedness, ratio]);
      }
      const where = `hop weight ${sizes.judgedWeight}, ${poolName(topology)}, ${batching}`;
      const judged =
        measured[measured.length - sizes.hopWeights.length + sizes.hopWeights.indexOf(sizes.judgedWeight)];
      aims.push({
        what: `node hops / hierarchical's, ${where}`,
        measured: judged.nodeHopsPerToken / hierarchical.nodeHopsPerToken,
        atMost: NODE_HOPS_AIM,
      });
      aims.push({
        what: `balancedness / hierarchical's, ${where}`,
        measured: judged.balancedness / hierarchical.balancedness,
        atLeast: 1,
      });
    }
  }
  return {
    title: "Hops per token and layer",
    columns: [
      { name: "batches" },
      { name: "slots/GPUs/nodes" },
      { name: "placement and dispatch" },
      { name: "node hops", digits: 2 },
      { name: "rank hops", digits: 2 },
      { name: "balancedness", digits: 3 },
      { name: "node hops / hierarchical", digits: 3 },
    ],
    rows,
    notes: [
      `Placed from tokens ${first}–${end} of ${input.source.stream}; the tokens after them are dispatched.`,
    ],
    aims,
  };
}

interface Way {
  readonly name: string;
  readonly map: ReplicaMap;
  readonly policy: DispatchPolicy;
}

function waysOf(
  stream: RoutedTokens,
  groups: number,
  topology: Topology,
  { placed: [first, end], hopWeights }: Sizes,
): Way[] {
  const rows = range(first, end);
  const load = loadOf(stream, rows);
  const trace = traceOf(stream, rows);
  const global = replicaMap(eplbGlobal(load, topology));
  return [
    { name: "EPLB hierarchical, static", map: replicaMap(eplb(load, topology, groups)), policy: "static" },
    { name: "EPLB global, static", map: global, policy: "static" },
    { name: "EPLB global, priced", map: global, policy: "priced" },
    ...hopWeights.map((hopWeight) => {
      const placement = plimsoll(load, topology, { trace, groups, hopWeight });
      const shares = solveShares(placement, indexReplicas(placement), load);
      return {
        name: `Plimsoll, hop weight ${hopWeight}`,
        map: replicaMap(placement, shares),
        policy: "priced" as const,
      };
    }),
  ];
}
