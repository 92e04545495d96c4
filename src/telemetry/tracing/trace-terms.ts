import type { Tracer } from "@opentelemetry/api";

/** What all traces share. */
export interface TraceTerms {
  readonly tracer: Tracer;
  /** Whether spans have the attributes of the GenAI conventions. */
  readonly genAi: boolean;
  /** Whether spans name tenants and sessions. */
  readonly names: boolean;
  /** Whether engines get the gateway's trace context. */
  readonly propagates: boolean;
  /** What kind of engine serves a pool, e.g. `vllm`. */
  readonly engineOf: (pool: string) => string;
  /** Receives faults of tracing itself. */
  readonly onFault: (fault: Error) => void;
}

/** Tracing is nobody's request: what goes wrong there ends none. */
export function quietly(terms: TraceTerms, step: () => void): void {
  try {
    step();
  } catch (error) {
    terms.onFault(error as Error);
  }
}
