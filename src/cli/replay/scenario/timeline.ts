import { setTimeout as sleep } from "node:timers/promises";

/** How often it is looked whether the clock has begun. */
const LOOK_MS = 10;

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
  due: readonly Due[],
  nowMs: () => number | null,
  signal: AbortSignal,
): Promise<void> {
  for (const { atMs, happen } of due) {
    for (;;) {
      if (signal.aborted) return;
      const now = nowMs();
      if (now !== null && now >= atMs) break;
      await sleep(now === null ? LOOK_MS : Math.ceil(atMs - now), undefined, { signal }).catch(() => {});
    }
    await happen();
  }
}
