import { percent, short } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import type { Exchange } from "./exchange.ts";

type Topology = PoolReport["topology"];
export type Matrix = readonly (readonly number[])[];

/** What a pair of source and destination is shown by. */
export type PairMeasure = "selections" | "tokens";

export const PAIR_MEASURES: readonly {
  readonly value: PairMeasure;
  readonly title: string;
  readonly what: string;
}[] = [
  {
    value: "selections",
    title: "Selections",
    what: "Experts that tokens select, by where the token is and where the expert is, per second over all layers",
  },
  {
    value: "tokens",
    title: "Tokens sent",
    what: "Tokens that go from one to the other, per second over all layers: each once in a layer, whatever it selects there. Between different ones these are hops",
  },
];

/** Where selections end, in parts of all. */
export interface Travel {
  readonly ownGpu: number;
  /** On the token's node, but on another GPU. */
  readonly ownNode: number;
  readonly otherNodes: number;
}

/** Null where nothing is known, or nothing was sent. */
export function travelOf({
  selectionsPerSecond,
  ownGpuPerSecond,
  ownNodePerSecond,
}: Exchange): Travel | null {
  if (selectionsPerSecond === null || ownGpuPerSecond === null || ownNodePerSecond === null) return null;
  const all = sum(selectionsPerSecond);
  if (all === 0) return null;
  // Rounded one by one, they may not add up to the last digit.
  const within = Math.min(1, ownNodePerSecond / all);
  const own = Math.min(within, ownGpuPerSecond / all);
  return { ownGpu: own, ownNode: within - own, otherNodes: 1 - within };
}

/** The same where every GPU gets as many of every GPU's selections. */
export function evenTravel({ nodes, gpusPerNode }: Topology): Travel {
  const ownGpu = 1 / (nodes * gpusPerNode);
  return { ownGpu, ownNode: 1 / nodes - ownGpu, otherNodes: 1 - 1 / nodes };
}

/** `[nodes][nodes]`. */
export function byNode(
  { by }: Pick<Exchange, "by">,
  matrix: Matrix,
  { nodes, gpusPerNode }: Topology,
): Matrix {
  if (by === "node") return matrix;
  const cells = Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => 0));
  for (const [from, row] of matrix.entries())
    for (const [to, value] of row.entries())
      cells[Math.floor(from / gpusPerNode)][Math.floor(to / gpusPerNode)] += value;
  return cells;
}

/** What a node sends and receives, per second. */
interface NodeTraffic {
  readonly node: number;
  readonly within: number;
  readonly sent: number;
  readonly received: number;
}

/** @param nodes `[nodes][nodes]` */
export function nodeTraffic(nodes: Matrix): NodeTraffic[] {
  return nodes.map((row, node) => ({
    node,
    within: row[node],
    sent: sum([row]) - row[node],
    received: nodes.reduce((total, from) => total + from[node], 0) - row[node],
  }));
}

/** A mean cell of the sources that are known. */
export function evenPair(matrix: Matrix): number {
  const known = matrix.filter((row) => sum([row]) > 0).length;
  return known === 0 ? 0 : sum(matrix) / (known * matrix.length);
}

/** In parts of an even pair; NaN for sources of which nothing is known. */
export function relativePairs(matrix: Matrix): Matrix {
  const even = evenPair(matrix);
  return matrix.map((row) => {
    const known = row.some((value) => value > 0);
    return row.map((value) => (known ? value / even : Number.NaN));
  });
}

/** One pair, for a person. */
export function pairText(
  { by }: Pick<Exchange, "by">,
  { gpusPerNode, nodes }: Topology,
  measure: PairMeasure,
  matrix: Matrix,
  { row, column }: { readonly row: number; readonly column: number },
): string {
  const named = (unit: number) =>
    by === "node"
      ? `node ${unit}`
      : `GPU ${unit}${nodes > 1 ? ` on node ${Math.floor(unit / gpusPerNode)}` : ""}`;
  const where = row === column ? `Within ${named(row)}` : `${named(row)} → ${named(column)}`;
  const values = matrix[row];
  if (sum([values]) === 0) return `${where}: nothing is known to come from ${named(row)}`;
  const value = values[column];
  const what = measure === "selections" ? "selections/s" : "tokens/s";
  const even = evenPair(matrix);
  return `${where}: ${short(value)} ${what}, ${percent(value / sum(matrix), 2)} of all, ${(value / even).toFixed(2)} × an even pair`;
}

/** The largest between different ones; null where nothing goes between any. */
export function heaviestBetween(matrix: Matrix): { readonly row: number; readonly column: number } | null {
  let most: { readonly row: number; readonly column: number } | null = null;
  let value = 0;
  for (const [row, cells] of matrix.entries())
    for (const [column, cell] of cells.entries()) {
      if (row === column || cell <= value) continue;
      value = cell;
      most = { row, column };
    }
  return most;
}

export function sum(matrix: Matrix): number {
  let total = 0;
  for (const row of matrix) for (const value of row) total += value;
  return total;
}
