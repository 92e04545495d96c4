import { InputError } from "../lib/errors.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { type TraceOptions, TraceParser } from "./traces/trace-parser.ts";
import { WideBlocks } from "./traces/wide-blocks.ts";

/** A trace is held whole: each of its requests takes some 100 bytes and more. */
export const MOST_TRACE_BYTES = 256 << 20;
const PART_BYTES = 1 << 16;

/**
 * Reads a traffic trace whole (docs/traces.md), strictly: no row may be broken, and every request has a time.
 * @param bytes not compressed
 * @returns at least one request, in order of arrival, the first at 0 ms; prefix blocks of `PREFIX_BLOCK_TOKENS`, and no
 *   text: runs in virtual time send none, and turns repeat what was said before
 * @throws InputError naming the line at fault, also where time goes backwards
 */
export function readTrace(bytes: Uint8Array, source: string): TraceRequest[] {
  if (bytes.length > MOST_TRACE_BYTES) {
    const hint = `has ${bytes.length} bytes of text, more than ${MOST_TRACE_BYTES}; give a smaller file`;
    throw new InputError(source, "", hint);
  }
  const parser = new TraceParser(source, { strict: true, needsTimes: true });
  const blocks = new WideBlocks();
  const requests: TraceRequest[] = [];
  const add = (some: readonly TraceRequest[]) => {
    for (const request of some) requests.push(blocks.widened(withoutText(request)));
  };
  for (let at = 0; at < bytes.length; at += PART_BYTES) add(parser.push(bytes.subarray(at, at + PART_BYTES)));
  add(parser.end());
  return requests;
}

function withoutText(request: TraceRequest): TraceRequest {
  if (request.messages === undefined && request.prompt === undefined) return request;
  const { messages: _, prompt: __, ...rest } = request;
  return rest;
}

/** A trace that is read as it is needed, and no further. */
export interface TraceStream {
  readonly requests: AsyncIterable<TraceRequest>;
  /** What is known of it by now. */
  readonly parser: Pick<TraceParser, "reading">;
}

/**
 * Reads a traffic trace in parts, in memory that does not grow with it.
 * @param chunks not compressed, cut anywhere
 * @throws InputError while it is read
 */
export function streamTrace(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  source: string,
  options: TraceOptions = {},
): TraceStream {
  const parser = new TraceParser(source, options);
  return { requests: requestsOf(chunks, parser), parser };
}

async function* requestsOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  parser: TraceParser,
): AsyncGenerator<TraceRequest, void> {
  for await (const chunk of chunks) yield* parser.push(chunk);
  yield* parser.end();
}
