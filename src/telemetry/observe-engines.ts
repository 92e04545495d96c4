import type { Meter } from "@opentelemetry/api";
import { ENGINE_FAULTS, type WatchedEngine } from "../model/watched-engine.ts";
import type { Readings } from "./readings.ts";

/** Of engines that balance by themselves and report it. */
export function observeEngines(meter: Meter, readings: Readings): void {
  meter
    .createObservableGauge("plimsoll_engine_faults", {
      description:
        "What is wrong with the engine's own load balancing, by kind: 0 or 1, or how many ranks it is wrong with",
    })
    .addCallback((result) => {
      for (const { pool, engine } of readings.engines())
        for (const kind of ENGINE_FAULTS) result.observe(extent(engine, kind), { pool, kind });
    });
  meter
    .createObservableGauge("plimsoll_engine_balancedness", {
      description:
        "Sum of mean over sum of maximum GPU load as the engine dispatches, 0 to 1; NaN while none is reported",
    })
    .addCallback((result) => {
      for (const { pool, engine } of readings.engines()) result.observe(balancedness(engine), { pool });
    });
  meter
    .createObservableCounter("plimsoll_engine_rebalances", {
      description: "Rebalances of the engine since its start",
    })
    .addCallback((result) => {
      for (const { pool, engine } of readings.engines()) result.observe(engine.rebalances, { pool });
    });
}

function extent({ faults }: WatchedEngine, kind: string): number {
  const fault = faults.find((one) => one.kind === kind);
  return fault === undefined ? 0 : Math.max(1, fault.ranks.length);
}

/** An instrument goes on with its last value where nothing is observed; that would be one of long ago. */
function balancedness(engine: WatchedEngine): number {
  return extent(engine, "silent") > 0 ? Number.NaN : (engine.balancedness ?? Number.NaN);
}
