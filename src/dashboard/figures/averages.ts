import type { PoolReport, PoolSample } from "../live/wire.ts";

/** Figures that are compared with the start are means over this long: one second of traffic is noisy. */
const NOW_MS = 10_000;

type Averaged = "balancedness" | "nodeHopsPerToken" | "hopsPerToken";

/** The mean of a figure weighted by the tokens forwarded; null when no sample has it. */
export function tokenMean<F extends Averaged>(
  samples: readonly Pick<PoolSample, F | "tokensPerSecond">[],
  figure: F,
): number | null {
  let sum = 0;
  let weight = 0;
  for (const sample of samples) {
    const value = sample[figure];
    if (value === null) continue;
    sum += value * sample.tokensPerSecond;
    weight += sample.tokensPerSecond;
  }
  return weight > 0 ? sum / weight : null;
}

/** How many times as long as with all GPUs level steps took: 1 and more; null where nothing was forwarded. */
export function stepFactor(
  samples: readonly Pick<PoolSample, "balancedness" | "tokensPerSecond">[],
): number | null {
  const balancedness = tokenMean(samples, "balancedness");
  return balancedness === null || balancedness === 0 ? null : 1 / balancedness;
}

/** The hops that are worth a look: between nodes, or between GPUs where there is one node. */
export interface Hops {
  readonly figure: "nodeHopsPerToken" | "hopsPerToken";
  readonly name: string;
  /** A token cannot hop to more than the others. */
  readonly most: number;
}

export function hopsOf({ nodes, gpusPerNode }: PoolReport["topology"]): Hops {
  return nodes > 1
    ? { figure: "nodeHopsPerToken", name: "Node hops per token", most: nodes - 1 }
    : { figure: "hopsPerToken", name: "Hops per token", most: Math.max(1, gpusPerNode - 1) };
}

/** Tokens per second of samples that are as long; 0 for none. */
export function meanTokens(samples: readonly PoolSample[]): number {
  return samples.reduce((sum, one) => sum + one.tokensPerSecond, 0) / Math.max(1, samples.length);
}

/** The samples of the last ten seconds. */
export function latest(samples: readonly PoolSample[]): readonly PoolSample[] {
  const end = samples.at(-1)?.atMs ?? 0;
  return samples.filter((sample) => sample.atMs > end - NOW_MS);
}

/** The position of the largest value; -1 for none. */
export function fullest(values: readonly number[]): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) if (best < 0 || values[i] > values[best]) best = i;
  return best;
}

const LOAD_AXIS_ENDS = [1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/** Where the axis of loads relative to the mean ends: one of few values, so that it does not breathe. */
export function loadAxisEnd(loads: readonly number[]): number {
  const most = Math.max(...loads);
  return LOAD_AXIS_ENDS.find((end) => most <= end) ?? most;
}
