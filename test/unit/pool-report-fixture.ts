import type { BalanceBeside } from "../../src/model/balance-beside.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";

/** EPLB on the same tokens, less level and with more moves. */
export const BESIDE: BalanceBeside = {
  title: "EPLB, even shares",
  part: 0.5,
  pool: { balancedness: 0.9, fullestGpu: 1.02, hopsPerToken: 3, nodeHopsPerToken: 2, stepMs: 50 },
  beside: { balancedness: 0.72, fullestGpu: 1.05, hopsPerToken: 3, nodeHopsPerToken: 2, stepMs: 60 },
  movedSlots: 70_000,
  placements: 7,
};

/** A small report as the gateway sends it; typed by the gateway, so that the dashboard's own types are held to it. */
export function poolReport(differences: Partial<PoolReport>): PoolReport {
  return {
    pool: "p",
    model: "m",
    atMs: 0,
    topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 1 },
    epoch: 1,
    layers: 1,
    layerNumbers: [3],
    experts: 2,
    topk: 1,
    tokensPerSecond: 10,
    balancedness: 0.5,
    nodeHopsPerToken: 0,
    hopsPerToken: 1,
    stepMs: 20,
    expertLoad: [[1, 1]],
    gpuLoad: [1, 1],
    gpuPeak: [
      { layer: 0, timesMean: 1 },
      { layer: 0, timesMean: 1 },
    ],
    gpuHolds: [0, 0],
    activated: null,
    layerBalancedness: [0.5],
    ranks: [{ running: 1, waiting: 0, kvUse: 0.5 }],
    placedAtMs: null,
    movedSlots: 0,
    decision: "",
    explanation: null,
    lagMs: null,
    loads: null,
    beside: null,
    ...differences,
  };
}
