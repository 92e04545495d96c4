import { statusOf } from "../src/http/errors.ts";
import { Metrics } from "../src/telemetry/metrics.ts";
import type { Readings } from "../src/telemetry/readings.ts";

const NOTHING: Readings = {
  build: { version: "0", node: "v0" },
  nowMs: () => 0,
  workers: () => ({ count: 0, cpuSeconds: 0, residentBytes: 0 }),
  deployed: () => [],
  placed: () => [],
  control: () => [],
  storeReachable: () => true,
  unsharedReports: () => 0,
  unreadable: () => [],
  shards: () => [],
  routedExperts: () => [],
  localities: () => [],
  pools: () => [],
  engines: () => [],
  sources: () => [],
  admission: () => ({ inFlight: 0, queued: 0 }),
  capture: () => ({ on: false, written: 0, bytes: 0, queueFull: 0, unwritten: 0 }),
};

/** Metrics of a gateway that has nothing but what these readings say. */
export function metricsOf(readings: Partial<Readings> = {}, limits = {}): Metrics {
  return new Metrics(
    { ...NOTHING, ...readings },
    { limits: { queueMs: 10_000, firstTokenMs: 600_000, idleMs: 120_000, ...limits }, statusOf },
  );
}
