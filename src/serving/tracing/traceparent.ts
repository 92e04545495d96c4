/** Where a trace goes on: what the header `traceparent` says (W3C Trace Context, level 1 and later). */
export interface TraceParent {
  /** 32 digits, hexadecimal. */
  readonly traceId: string;
  /** 16 digits, hexadecimal. */
  readonly spanId: string;
  /** Whether who sent it records the trace. */
  readonly sampled: boolean;
}

/** Later versions may say more behind a dash. */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/** @param header as it came; several of one name come as one with commas, or as a list. @returns null for none */
export function readTraceParent(header: string | readonly string[] | undefined): TraceParent | null {
  if (typeof header !== "string") return null;
  const parts = FORM.exec(header);
  if (parts === null) return null;
  const [, version, traceId, spanId, flags, more] = parts;
  if (version === "ff" || (version === "00" && more !== undefined)) return null;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function writeTraceParent({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}
