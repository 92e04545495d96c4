import { gpuCount } from "../../../src/model/topology.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { dispatch, replicaMap } from "../dispatched.ts";
import { pool } from "../pools.ts";
import { cut, range } from "../routed-tokens.ts";
import { gateTokens } from "./gate-tokens.ts";

const EXPERTS = 256;
const TOPK = 8;
const TOLERANCE = 0.01;
/** Published means: a Monte Carlo of its own. */
const CASES = [
  { gpus: 64, groups: 1, topkGroups: 1, ranks: 7.67, nodes: 5.29 },
  { gpus: 64, groups: 8, topkGroups: 4, ranks: 7.48, nodes: 3.97 },
  { gpus: 32, groups: 1, topkGroups: 1, ranks: 7.27, nodes: 3.6 },
  { gpus: 32, groups: 8, topkGroups: 4, ranks: 6.85, nodes: 3.12 },
];

/** Distinct ranks and nodes per token where nothing is placed or skewed: what the counting itself is worth. */
export function destinationsTable({ seed, progress }: Bench, tokens = 65_536): BenchTable {
  progress("destinations");
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const [i, { gpus, groups, topkGroups, ...published }] of CASES.entries()) {
    const topology = pool(EXPERTS, gpus, gpus / 8);
    const shape = { experts: EXPERTS, groups, topkGroups, topk: TOPK };
    const drawn = gateTokens(shape, new Float64Array(EXPERTS), tokens, new Rng(seed, 8, i));
    const map = replicaMap({ layers: 1, experts: EXPERTS, topology, physicalToLogical: range(0, EXPERTS) });
    const { hopsPerToken, nodeHopsPerToken } = dispatch(
      map,
      "even",
      drawn,
      cut(range(0, tokens), tokens),
      seed,
    );
    // The source is as likely to be any rank, and no hop.
    const ranks = hopsPerToken / (1 - 1 / gpuCount(topology));
    const nodes = nodeHopsPerToken / (1 - 1 / topology.nodes);
    const name = `EP${gpus}, ${groups === 1 ? "no groups" : `${topkGroups} of ${groups} groups`}`;
    rows.push([name, ranks, published.ranks, nodes, published.nodes]);
    aims.push(
      deviation(`ranks, ${name}`, ranks, published.ranks),
      deviation(`nodes, ${name}`, nodes, published.nodes),
    );
  }
  return {
    title: "Distinct destinations per token, 256 experts, independent uniform scores",
    columns: [
      { name: "pool and gate" },
      { name: "ranks", digits: 3 },
      { name: "ranks, published", digits: 2 },
      { name: "nodes", digits: 3 },
      { name: "nodes, published", digits: 2 },
    ],
    rows,
    notes: [`${tokens} tokens, experts in order, no redundancy.`],
    aims,
  };
}

function deviation(what: string, measured: number, published: number): Aim {
  return {
    what: `${what}: off the published mean by`,
    measured: Math.abs(measured / published - 1),
    atMost: TOLERANCE,
  };
}
