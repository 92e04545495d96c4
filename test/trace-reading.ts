import { TraceParser, type TraceOptions, type TraceReading } from "../src/formats/traces/trace-parser.ts";
import type { TraceRequest } from "../src/model/traffic.ts";

/** A trace that was read whole, in parts. */
export interface ReadWhole {
  readonly requests: readonly TraceRequest[];
  readonly reading: TraceReading;
}

/** Reads a trace given in parts. */
export function readParts(parts: Iterable<Uint8Array>, options: TraceOptions = {}): ReadWhole {
  const parser = new TraceParser("f", options);
  const requests: TraceRequest[] = [];
  for (const part of parts) requests.push(...parser.push(part));
  requests.push(...parser.end());
  return { requests, reading: parser.reading };
}

export function readText(text: string, options: TraceOptions = {}): ReadWhole {
  return readParts([new TextEncoder().encode(text)], options);
}
