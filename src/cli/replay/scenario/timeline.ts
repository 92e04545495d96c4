import { setTimeout as sleep } from "node:timers/promises";

/** How often it is looked whether the clock has begun. */
const LOOK_MS = 10;
/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;

export interface Due {
  /** Milliseconds of the clock. */
  readonly atMs: number;
  readonly happen: () => Promise<void> | void;
}

/**
 * Has things happen at their times, one after the other; what is behind its time happens at once.
 * @param due   by their time
 * @param nowMs of the clock; null before it begins
 * @param signal ends it: what was still to come does not happen
 */
export async function alongTime(
  due: Iterable<Due>,
  nowMs: () => number | null,
  signal: AbortSignal,
): Promise<void> {
  for (const { atMs, happen } of due) {
    for (;;) {
      if (signal.aborted) return;
      const now = nowMs();
      if (now !== null && now >= atMs) break;
      const ms = now === null ? LOOK_MS : Math.min(Math.ceil(atMs - now), LONGEST_SLEEP_MS);
      await sleep(ms, undefined, { signal }).catch(() => {});
    }
    await happen();
  }
}
