import { slotCount } from "../../model/topology.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";

/** What a GPU had of an expert. */
export interface HeldExpert {
  /** A row of the load. */
  readonly layer: number;
  readonly expert: number;
  /** Hundredths of a GPU's even part of that layer. */
  readonly load: number;
  /** Hundredths of the expert's tokens, 1 and more. */
  readonly share: number;
}

/** A GPU that steps waited for, in ten seconds. */
export interface Filling {
  readonly gpu: number;
  /** How much longer a step took for it then, in ten-thousandths of an even one. */
  readonly held: number;
  /** What it had most of then. */
  readonly experts: readonly HeldExpert[];
}

/** Kept of a row, and of each of them. */
const MOST_FILLINGS = 4;
const MOST_EXPERTS = 6;

/**
 * Of each GPU the ten seconds in which steps waited most for it, and of the GPUs those that were waited for most. What
 * one order of putting rows together leaves out, every order does: others had more, and have it still.
 */
export function fillingsTogether(a: readonly Filling[], b: readonly Filling[]): readonly Filling[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const byGpu = new Map<number, Filling>();
  for (const one of [...a, ...b]) {
    const other = byGpu.get(one.gpu);
    if (other === undefined || inOrder(one, other) < 0) byGpu.set(one.gpu, one);
  }
  return [...byGpu.values()].toSorted(inOrder).slice(0, MOST_FILLINGS);
}

/**
 * The GPUs that steps waited for most, with what they had of their experts.
 * @param held `[gpus]`: how much longer a step took for each, in ten-thousandths of an even one
 * @param tokens `[layers][experts]`: what went to each expert
 * @param serving how many GPUs were in service
 */
export function fillingsOf(
  snapshot: RoutingSnapshot,
  held: readonly number[],
  tokens: Float64Array,
  serving: number,
): readonly Filling[] {
  return held
    .map((one, gpu) => ({ gpu, held: one, experts: [] }))
    .filter((one) => one.held > 0)
    .toSorted(inOrder)
    .slice(0, MOST_FILLINGS)
    .map((one) => ({ ...one, experts: expertsOf(snapshot, one.gpu, tokens, serving) }))
    .filter(({ experts }) => experts.length > 0);
}

function expertsOf(
  { placement, shares }: RoutingSnapshot,
  gpu: number,
  tokens: Float64Array,
  serving: number,
): readonly HeldExpert[] {
  const { layers, experts, topology, physicalToLogical } = placement;
  const { slotsPerGpu } = topology;
  const width = slotCount(topology);
  const found: HeldExpert[] = [];
  for (let layer = 0; layer < layers; layer++) {
    let all = 0;
    for (let i = layer * experts; i < (layer + 1) * experts; i++) all += tokens[i];
    if (all === 0) continue;
    const first = layer * width + gpu * slotsPerGpu;
    for (let slot = first; slot < first + slotsPerGpu; slot++) {
      const expert = physicalToLogical[slot];
      if (expert < 0) continue;
      const part = shares.values[slot];
      const load = Math.round((100 * serving * part * tokens[layer * experts + expert]) / all);
      if (load > 0) found.push({ layer, expert, load, share: Math.max(1, Math.round(100 * part)) });
    }
  }
  return found
    .toSorted((a, b) => b.load - a.load || a.layer - b.layer || a.expert - b.expert)
    .slice(0, MOST_EXPERTS);
}

/** Whole numbers that say it all; the last is never 0 where it has experts. */
export function fillingNumbers({ gpu, held, experts }: Filling): readonly number[] {
  return [
    held,
    gpu,
    experts.length,
    ...experts.flatMap(({ layer, expert, load, share }) => [layer, expert, load, share]),
  ];
}

/** What steps waited for most comes first; never 0 of two that differ. */
function inOrder(a: Filling, b: Filling): number {
  const [x, y] = [fillingNumbers(a), fillingNumbers(b)];
  const at = x.findIndex((value, i) => value !== y[i]);
  return at < 0 ? 0 : (y[at] ?? -1) - x[at];
}
