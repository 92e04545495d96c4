import { H800 } from "../../core/cost/hardware.ts";
import { BALANCE_POLICIES } from "../../core/planning/balance-policy.ts";
import type { VirtualRunOptions } from "./run-options.ts";
import type { VirtualRunResult } from "./run-result.ts";
import { ServedRun } from "./served-run.ts";

export type { VirtualRunOptions, VirtualRunResult };

/**
 * The twin: pools without GPUs and without the clock, behind the gateway's own admission, routing and planning, driven by
 * the trace's time. One event after the other, by time and then in the order in which they were put there: the same
 * options give the same bytes. Yields, with every step that begins, the part of `durationMs` that has passed, 0..1.
 */
export function* virtualRun(given: VirtualRunOptions): Generator<number, VirtualRunResult> {
  const run = new ServedRun({
    hardware: H800,
    decode: null,
    fidelity: "exact",
    policy: BALANCE_POLICIES.plimsoll,
    speculation: null,
    admission: null,
    faults: [],
    observer: null,
    again: null,
    measuredFromMs: 0,
    ...given,
  });
  const { durationMs, cuts = false } = given;
  const enough = given.enough ?? (() => false);
  const untilMs = cuts ? durationMs : Number.POSITIVE_INFINITY;
  let steps = 0;
  while (!run.over && !enough() && run.timeline.nextMs < untilMs && run.timeline.next()) {
    if (run.totals.steps === steps) continue;
    steps = run.totals.steps;
    yield Math.min(1, run.timeline.now() / durationMs);
  }
  return run.end();
}
