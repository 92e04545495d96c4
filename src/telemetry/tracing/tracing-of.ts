import type { Config } from "../../config/config.ts";
import type { RequestTracer } from "../../serving/tracing/request-trace.ts";
import type { Service } from "../otlp/resource-of.ts";

/** Tracing that is on. */
export interface Tracing {
  readonly tracer: RequestTracer;
  /** Goes on with these pools. */
  reload(config: Config): void;
  /** Sends what has ended, for so long at most; then nothing is sent any more. */
  close(limitMs: number): Promise<void>;
}

export interface TracingParts {
  readonly service: Service;
  readonly onFault: (fault: Error) => void;
  /** Receives one line for a person. */
  readonly onNotice: (line: string) => void;
}

/** Null where no request is to be traced: then nothing of OpenTelemetry's tracing is loaded. */
export async function tracingOf(config: Config, parts: TracingParts): Promise<Tracing | null> {
  const { telemetry } = config;
  if (telemetry.traces === null) return null;
  const { openTracing } = await import("./open-tracing.ts");
  let kinds = engineKinds(config);
  const opened = openTracing(telemetry, telemetry.traces, {
    ...parts,
    engineOf: (pool) => kinds.get(pool) ?? OWN,
  });
  const reload = (next: Config) => {
    kinds = engineKinds(next);
  };
  return { ...opened, reload };
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
