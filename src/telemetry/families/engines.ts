import { ENGINE_FAULTS, type WatchedEngine } from "../../model/watched-engine.ts";
import { type Family, counter, gauge } from "../family.ts";
import type { Readings } from "../readings.ts";

/** Of engines that balance by themselves and report it. */
export function engineFamilies({ engines }: Readings): Family[] {
  return [
    gauge(
      "plimsoll_engine_faults",
      ["pool", "kind"],
      "What is wrong with the engine's own load balancing, by kind: 0 or 1, or how many ranks it is wrong with",
      (observe) => {
        for (const { pool, engine } of engines())
          for (const kind of ENGINE_FAULTS) observe(extent(engine, kind), pool, kind);
      },
    ),
    gauge(
      "plimsoll_engine_balancedness",
      ["pool"],
      "Sum of mean over sum of maximum GPU load as the engine dispatches, 0 to 1; NaN while none is reported",
      (observe) => {
        for (const { pool, engine } of engines()) observe(balancedness(engine), pool);
      },
    ),
    counter(
      "plimsoll_engine_rebalances_total",
      ["pool"],
      "Rebalances of the engine since its start",
      (observe) => {
        for (const { pool, engine } of engines()) observe(engine.rebalances, pool);
      },
    ),
  ];
}

function extent({ faults }: WatchedEngine, kind: string): number {
  const fault = faults.find((one) => one.kind === kind);
  return fault === undefined ? 0 : Math.max(1, fault.ranks.length);
}

/** The last one of an engine that says nothing any more would be one of long ago. */
function balancedness(engine: WatchedEngine): number {
  return extent(engine, "silent") > 0 ? Number.NaN : (engine.balancedness ?? Number.NaN);
}
