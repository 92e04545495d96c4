import type { Service } from "./otlp/resource-of.ts";

/** What everything that is sent to a collector is made with. */
export interface TelemetryParts {
  readonly service: Service;
  /** What kind of engine serves a pool, e.g. `vllm`. */
  readonly engineOf: (pool: string) => string;
  readonly onFault: (fault: Error) => void;
  /** Receives one line for a person. */
  readonly onNotice: (line: string) => void;
}
