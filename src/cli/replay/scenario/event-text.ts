import type { LoadStream, ScenarioChange } from "../../../model/load-scenario.ts";
import { changeText } from "../../simulation-text.ts";

export function eventText(change: ScenarioChange): string {
  if (change.kind === "drain") return `GPU ${change.rank} is drained`;
  if (change.kind === "undrain") return `GPU ${change.rank} is used again`;
  if (change.kind === "restart") return `GPU ${change.ranks.join(", ")} restart one after the other`;
  return changeText(change);
}

/** When streams begin and end within a run: a line for each time. */
export function phases(
  streams: readonly LoadStream[],
  durationMs: number,
): { readonly atMs: number; readonly text: string }[] {
  return streams.flatMap(({ name, fromMs, toMs, arrivals }) => {
    if (arrivals.kind === "burst") return [{ atMs: fromMs, text: `${name}: ${arrivals.requests} at once` }];
    return [
      ...(fromMs > 0 ? [{ atMs: fromMs, text: `${name} begins` }] : []),
      ...(toMs < durationMs ? [{ atMs: toMs, text: `${name} ends` }] : []),
    ];
  });
}
