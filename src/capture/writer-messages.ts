import type { PackedRequests } from "./packed-requests.ts";
import type { LineTerms, TraceOrigin } from "./trace-lines.ts";

/** What the writer's thread begins with. */
export interface WriterTerms {
  readonly origin: TraceOrigin;
  readonly lines: LineTerms;
  readonly directory: string;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
}

/** To the writer. */
export type WriterOrder =
  /** @param dropped requests for which there was no room before these */
  | { readonly kind: "requests"; readonly requests: PackedRequests; readonly dropped: number }
  /** The last one. */
  | { readonly kind: "close" };

/** From the writer. */
export type WriterNews =
  /** The answer to each `requests`. @param fault why some were not written, in one clause */
  | {
      readonly kind: "written";
      readonly requests: number;
      readonly bytes: number;
      readonly fault: string | null;
    }
  /** A full file could not be compressed. */
  | { readonly kind: "unfinished"; readonly fault: string };
