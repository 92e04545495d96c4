/** Units of a trace's times, in ms. */
export const MILLISECONDS = 1;
export const SECONDS = 1000;
export type TimeUnit = typeof MILLISECONDS | typeof SECONDS;

/** Requests by which a unit is doubted. */
const FEWEST = 3;
/** No trace that people publish is so dense, or so thin, by its mean. */
const DENSE_GAP_MS = 1;
const THIN_GAP_MS = 60_000;

/** What to think of a trace's unit of time, by how far its requests are apart; null where nothing speaks against it. */
export function timeDoubt(unit: TimeUnit | null, requests: number, durationMs: number): string | null {
  if (unit === null || requests < FEWEST || durationMs <= 0) return null;
  const gapMs = durationMs / (requests - 1);
  if (unit === MILLISECONDS && gapMs < DENSE_GAP_MS)
    return `Times are read as milliseconds, which makes ${Math.round(1000 / gapMs)} requests per second; if they are seconds, play it with --speed 0.001.`;
  if (gapMs <= THIN_GAP_MS) return null;
  const [read, finer] =
    unit === MILLISECONDS ? ["milliseconds", "microseconds"] : ["seconds", "milliseconds"];
  return `Times are read as ${read}, which makes ${Math.round(gapMs / 1000)} s from one request to the next on average; if they are ${finer}, play it with --speed 1000.`;
}
