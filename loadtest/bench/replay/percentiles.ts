/** How a tool takes percentiles: a value that was there, or between two of them, as numpy does by default. */
export type Percentiles = "nearest rank" | "interpolated";

/** @param sorted ascending, not empty */
export function percentileOf(sorted: Float64Array, percent: number, way: Percentiles): number {
  if (way === "nearest rank") return sorted[Math.max(1, Math.ceil((percent * sorted.length) / 100)) - 1];
  const at = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}
