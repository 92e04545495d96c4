import { list, percent, whole } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import type { GpuCost } from "./gpu-cost.ts";

const STATE_TEXT = { lost: "lost", draining: "to be drained", drained: "drained" } as const;

/** How a pool is laid out, and how its ranks are; where it is `past`, how they were at worst. */
export type GpuFacts = Pick<PoolReport, "topology" | "ranks" | "activated"> & { readonly past?: boolean };

/**
 * One GPU, for a person.
 * @param numbers the model's layer of each row; empty where that is not known
 * @param meanTokens per second, of the mean GPU in a layer; null where that is not known
 */
export function gpuText(
  cost: GpuCost,
  facts: GpuFacts,
  numbers: readonly number[],
  meanTokens: number | null,
): string {
  const { gpu, state, load, holds, peak } = cost;
  const { topology, ranks, past = false } = facts;
  const where = `GPU ${gpu} on node ${Math.floor(gpu / topology.gpusPerNode)}`;
  if (state === "lost" || state === "drained") return `${where}, ${STATE_TEXT[state]}`;
  const rank = ranks[gpu];
  const parts = [
    `${where}${state === "live" ? "" : `, ${STATE_TEXT[state]}`}: ${load.toFixed(2)} × the mean over all layers`,
    ...(meanTokens === null ? [] : [`${whole(load * meanTokens)} tokens/s in a layer`]),
    ...(peak.timesMean === 0 ? [] : [`${peak.timesMean.toFixed(2)} × in ${layerText(peak.layer, numbers)}`]),
    ...(holds === 0 ? [] : [`a step ${past ? "took" : "takes"} ${percent(holds, 1)} longer for it`]),
    ...activatedText(gpu, facts),
    // Engines that report their expert counts alone have no rank states.
    ...(rank === undefined
      ? []
      : [
          `${past ? "at most " : ""}${rank.running} running, ${rank.waiting} waiting, KV cache ${percent(rank.kvUse)}`,
        ]),
  ];
  return parts.join(" · ");
}

const NAMED = 6;

/**
 * GPUs in service without an expert, as one that is back and waits for a placement; null for none.
 * @param empty `[gpus]`: whether the placement in force has nothing for it
 */
export function emptyText(
  costs: readonly Pick<GpuCost, "gpu" | "state">[],
  empty: readonly boolean[],
): string | null {
  const without = costs.filter(({ gpu, state }) => state === "live" && empty[gpu]);
  if (without.length === 0) return null;
  const which = list(
    without.map(({ gpu }) => String(gpu)),
    NAMED,
  );
  return without.length === 1
    ? `GPU ${which} is in service, and has no expert in the placement in force.`
    : `GPUs ${which} are in service, and have no expert in the placement in force.`;
}

function activatedText(gpu: number, { activated, topology }: GpuFacts): string[] {
  if (activated === null) return [];
  const read = `${(activated.perGpu[gpu] ?? 0).toFixed(1)} of ${topology.slotsPerGpu} experts activated in a step`;
  return [activated.estimated ? `${read}, as expected of counts` : read];
}

/** A row of the load, by the model's own number where that is known. */
export function layerText(row: number, numbers: readonly number[]): string {
  return numbers.length > 0 ? `layer ${numbers[row]}` : `row ${row}`;
}
