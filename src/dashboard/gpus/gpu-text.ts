import { percent } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import type { GpuCost } from "./gpu-cost.ts";

const STATE_TEXT = { lost: "lost", draining: "to be drained", drained: "drained" } as const;

/** How a pool is laid out, and how its ranks are. */
export type GpuFacts = Pick<PoolReport, "topology" | "ranks">;

/**
 * One GPU, for a person.
 * @param numbers the model's layer of each row; empty where that is not known
 * @param past ranks are as they were at worst
 */
export function gpuText(cost: GpuCost, report: GpuFacts, numbers: readonly number[], past = false): string {
  const { gpu, state, load, holds, peak } = cost;
  const where = `GPU ${gpu} on node ${Math.floor(gpu / report.topology.gpusPerNode)}`;
  if (state === "lost" || state === "drained") return `${where}, ${STATE_TEXT[state]}`;
  const rank = report.ranks[gpu];
  const parts = [
    `${where}${state === "live" ? "" : `, ${STATE_TEXT[state]}`}: ${load.toFixed(2)} × the mean over all layers`,
    ...(peak.timesMean === 0 ? [] : [`${peak.timesMean.toFixed(2)} × in ${layerText(peak.layer, numbers)}`]),
    ...(holds === 0 ? [] : [`a step ${past ? "took" : "takes"} ${percent(holds, 1)} longer for it`]),
    // Engines that report their expert counts alone have no rank states.
    ...(rank === undefined
      ? []
      : [
          `${past ? "at most " : ""}${rank.running} running, ${rank.waiting} waiting, KV cache ${percent(rank.kvUse)}`,
        ]),
  ];
  return parts.join(" · ");
}

/** A row of the load, by the model's own number where that is known. */
export function layerText(row: number, numbers: readonly number[]): string {
  return numbers.length > 0 ? `layer ${numbers[row]}` : `row ${row}`;
}
