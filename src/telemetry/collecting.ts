import type { Config } from "../config/config.ts";
import type { EndObserver, RequestTracer } from "../serving/tracing/request-trace.ts";
import type { TelemetryParts } from "./telemetry-parts.ts";

/** What an OpenTelemetry collector is sent. */
export interface Collecting {
  /** Null where no request is traced. */
  readonly tracer: RequestTracer | null;
  /** Null where requests are measured for Prometheus alone. */
  readonly ends: EndObserver | null;
  /** Goes on with these pools. */
  reload(config: Config): void;
  /** Sends what there is, for so long at most; then nothing is sent any more. */
  close(limitMs: number): Promise<void>;
}

const NOTHING: Collecting = { tracer: null, ends: null, reload: () => {}, close: async () => {} };

/** Where no collector is named, nothing of OpenTelemetry is loaded for it. */
export async function collecting(
  config: Config,
  parts: Omit<TelemetryParts, "engineOf">,
): Promise<Collecting> {
  const { telemetry } = config;
  const { traces, metrics } = telemetry;
  if (traces === null && metrics === null) return NOTHING;
  let kinds = engineKinds(config);
  const all = { ...parts, engineOf: (pool: string) => kinds.get(pool) ?? OWN };
  const tracing =
    traces === null ? null : (await import("./tracing/open-tracing.ts")).openTracing(telemetry, traces, all);
  const measures =
    metrics === null
      ? null
      : (await import("./gen-ai/open-gen-ai-metrics.ts")).openGenAiMetrics(telemetry, metrics, all);
  return {
    tracer: tracing?.tracer ?? null,
    ends: measures?.ends ?? null,
    reload: (next) => {
      kinds = engineKinds(next);
    },
    close: async (limitMs) => {
      await Promise.all([tracing?.close(limitMs), measures?.close(limitMs)]);
    },
  };
}

/** What serves simulated pools. */
const OWN = "plimsoll";

/** What kind of engine serves each pool, by the names that flights know. */
function engineKinds({ pools }: Config): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const pool of pools) {
    if (pool.kind === "disaggregated")
      for (const part of ["prefill", "decode"]) kinds.set(`${pool.name}.${part}`, pool.engine);
    else if (pool.kind !== "simulated") kinds.set(pool.name, pool.kind);
  }
  return kinds;
}
