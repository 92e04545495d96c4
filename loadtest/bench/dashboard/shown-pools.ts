import type { MadeUpPool } from "../../../harness/fakes/made-up-pool.ts";

/** The pools that the page is measured with: the largest that it is made for, and the demo's. */
export const SHOWN_POOLS: readonly MadeUpPool[] = [
  { pool: "large", nodes: 40, gpusPerNode: 8, slotsPerGpu: 2, layers: 58, experts: 384 },
  { pool: "deepseek-v3", nodes: 4, gpusPerNode: 8, slotsPerGpu: 9, layers: 58, experts: 256 },
];

/** What a page keeps of a report does not depend on how large the pool is, and small reports are soon read. */
export const DAY_POOL: MadeUpPool = {
  pool: "small",
  nodes: 1,
  gpusPerNode: 8,
  slotsPerGpu: 5,
  layers: 12,
  experts: 32,
};

export function shapeText({ nodes, gpusPerNode, layers, experts }: MadeUpPool): string {
  return `${layers} × ${experts}, ${nodes * gpusPerNode} GPUs`;
}
