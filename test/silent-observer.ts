import type { RunObserver } from "../src/twin/run/run-log.ts";

/** An observer that hears only what it is asked to. */
export function silentObserver(hears: Partial<RunObserver>): RunObserver {
  const nothing = () => {};
  return { request: nothing, step: nothing, window: nothing, event: nothing, ...hears };
}
