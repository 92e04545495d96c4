import type { ExpertLoad } from "../../model/load.ts";

/**
 * How far the scenarios' loads are from the load, brought to its size: `[layers][experts]`, one standard deviation.
 * A scenario without load in a layer says nothing of it. Null without scenarios.
 */
export function spread(load: ExpertLoad, scenarios: readonly ExpertLoad[]): Float64Array | null {
  if (scenarios.length === 0) return null;
  const { layers, experts, tokens } = load;
  const deviation = new Float64Array(layers * experts);
  for (let layer = 0; layer < layers; layer++) {
    const from = layer * experts;
    const end = from + experts;
    const total = sum(tokens, from, end);
    let known = 0;
    for (const scenario of scenarios) {
      const seen = sum(scenario.tokens, from, end);
      if (seen === 0) continue;
      known++;
      const scale = total / seen;
      for (let i = from; i < end; i++) deviation[i] += (scenario.tokens[i] * scale - tokens[i]) ** 2;
    }
    for (let i = from; i < end; i++) deviation[i] = Math.sqrt(deviation[i] / Math.max(1, known));
  }
  return deviation;
}

function sum(values: Float64Array, from: number, end: number): number {
  let total = 0;
  for (let i = from; i < end; i++) total += values[i];
  return total;
}
