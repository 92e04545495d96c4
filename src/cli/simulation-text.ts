import type { SimulationChange, SimulationState } from "../model/simulation.ts";
import { decimals } from "../lib/number-text.ts";

/** What a simulated pool is by now, for a person. */
export function simulationText({ traffic, shifts, lost, slow }: SimulationState): string {
  const parts = [
    ...(traffic === null ? [] : [`traffic ×${decimals(traffic.factor, 1)}`]),
    ...(shifts === 0 ? [] : [`shifted ${shifts === 1 ? "once" : `${shifts} times`}`]),
    lost.length === 0 ? "all GPUs run" : `GPU ${lost.join(", ")} stopped`,
    ...slow.map(({ rank, factor }) => `GPU ${rank} ${factor} × slower`),
  ];
  return parts.join(", ");
}

export function changeText(change: SimulationChange): string {
  switch (change.kind) {
    case "traffic":
      return `traffic ×${decimals(change.factor, 1)}`;
    case "shift":
      return "the traffic shifts";
    case "stop":
      return `GPU ${change.rank} ends what it has and stops`;
    case "slow":
      return change.factor === 1
        ? `GPU ${change.rank} is as fast as the others again`
        : `GPU ${change.rank} is ${change.factor} × slower`;
    case "lose":
      return `GPU ${change.rank} stops`;
    case "restore":
      return `GPU ${change.rank} starts again`;
  }
}
