import { clockText, decimals } from "../lib/number-text.ts";
import { printable } from "../lib/printable.ts";
import type { PlayedSummary } from "./traffic-player.ts";
import type { OwnTraffic, SimulationChange, SimulationState } from "../model/simulation.ts";

/** What is played, and where it is, for a person. */
export function playedText({ name, paused, trace }: OwnTraffic): string {
  const parts = [
    name,
    ...(trace === null ? [] : [`${clockText(trace.atMs)} of ${clockText(trace.lengthMs)}`]),
    ...(trace === null || trace.speed === 1 ? [] : [`time ×${trace.speed}`]),
    ...(paused ? ["paused"] : []),
  ];
  return parts.join(", ");
}

/** What was played by the end, in a line. */
export function summaryText({ pausedMs, ...traffic }: PlayedSummary): string {
  const pauses = pausedMs < 1000 ? "" : `; paused for ${clockText(pausedMs)} in all`;
  return `Played: ${printable(playedText({ ...traffic, paused: false }))}${pauses}`;
}

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
    case "pause":
      return "the traffic is paused";
    case "go-on":
      return "the traffic goes on";
    case "again":
      return "the traffic starts again";
    case "speed":
      return `the trace's time ×${change.speed}`;
    case "jump":
      return `jump to ${clockText(change.atMs)}`;
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
