import { readFileSync } from "node:fs";
import { monotonicMs } from "./monotonic.ts";

/** How a process used its core over a time. */
export interface CoreUse {
  readonly elapsedMs: number;
  readonly cpuMs: number;
  /** Its main thread was ready and had no core; null where the system does not say (Linux does). */
  readonly waitedMs: number | null;
}

const MICROSECONDS = 1000;
const NANOSECONDS = 1e6;

/** Begins to watch this process. @returns its use since then */
export function watchCore(): () => CoreUse {
  const beganMs = monotonicMs();
  const began = process.cpuUsage();
  const waited = waitedMs();
  return () => {
    const { user, system } = process.cpuUsage(began);
    const now = waitedMs();
    return {
      elapsedMs: monotonicMs() - beganMs,
      cpuMs: (user + system) / MICROSECONDS,
      waitedMs: waited === null || now === null ? null : now - waited,
    };
  };
}

/** As Documentation/scheduler/sched-stats of Linux has it: time on a core, time ready without one, slices. */
function waitedMs(): number | null {
  try {
    const waited = Number(readFileSync("/proc/self/schedstat", "latin1").split(" ")[1]);
    return Number.isFinite(waited) ? waited / NANOSECONDS : null;
  } catch {
    return null;
  }
}
