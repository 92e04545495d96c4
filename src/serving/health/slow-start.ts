import type { SlowStartSettings } from "./settings.ts";

/** The part of its share a shard should get that came back so long ago: from the floor to 1 in a straight line. */
export function slowStartWeight(sinceMs: number, { durationMs, floor }: SlowStartSettings): number {
  return sinceMs >= durationMs ? 1 : floor + (1 - floor) * (Math.max(0, sinceMs) / durationMs);
}
