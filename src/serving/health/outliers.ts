import type { OutcomeWindow } from "./outcome-window.ts";
import type { OutlierSettings } from "./settings.ts";

/** Among fewer shards there are no outliers. */
const LEAST_COMPARED = 3;

export interface Outlier {
  readonly shard: number;
  /** One clause for a person. */
  readonly reason: string;
}

/**
 * The shards that differ from the others, the worst first: their part of failures is above the median by more than the
 * margin, or their median time to the first byte is more than so many times the median. Medians, since in a pool of a
 * few shards one bad one moves mean and deviation so far that it hides itself.
 * @param shards those that are sent requests
 */
export function outliers(
  window: OutcomeWindow,
  shards: readonly number[],
  settings: OutlierSettings,
): Outlier[] {
  const judged = shards.filter((shard) => window.requests(shard) >= settings.minRequests);
  if (judged.length < LEAST_COMPARED) return [];
  return [...byFailures(window, judged, settings), ...byFirstByte(window, judged, settings)];
}

function byFailures(window: OutcomeWindow, judged: readonly number[], settings: OutlierSettings): Outlier[] {
  const part = (shard: number) => window.failures(shard) / window.requests(shard);
  const most = median(judged.map(part)) + settings.failureMargin;
  return judged
    .filter((shard) => part(shard) > most)
    .sort((a, b) => part(b) - part(a))
    .map((shard) => ({ shard, reason: `${Math.round(100 * part(shard))} % of its requests failed` }));
}

function byFirstByte(window: OutcomeWindow, judged: readonly number[], settings: OutlierSettings): Outlier[] {
  const { firstByteFactor, firstByteLeastMs } = settings;
  const times = judged
    .map((shard) => ({ shard, ms: window.medianFirstByteMs(shard) }))
    .filter(({ ms }) => !Number.isNaN(ms));
  if (firstByteFactor === 0 || times.length < LEAST_COMPARED) return [];
  const usual = median(times.map(({ ms }) => ms));
  return times
    .filter(({ ms }) => ms > firstByteLeastMs && ms > firstByteFactor * usual)
    .sort((a, b) => b.ms - a.ms)
    .map(({ shard, ms }) => ({
      shard,
      reason: `its answers take ${Math.round(ms)} ms to begin, the pool's ${Math.round(usual)}`,
    }));
}

/** The lower one of two. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
