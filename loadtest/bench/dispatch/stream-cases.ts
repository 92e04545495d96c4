import type { Phase } from "../../../src/core/batching/waiting-requests.ts";
import { cut, interleaved, range, type RoutedTokens } from "../routed-tokens.ts";

/** A part of the stream to place experts from, and batches of tokens after it. */
export interface StreamCase {
  readonly name: string;
  /** What is to be equal on all ranks where they can be chosen: tokens, or requests. */
  readonly phase: Phase;
  /** Token numbers that are placed from. */
  readonly placed: readonly [first: number, end: number];
  readonly batches: (stream: RoutedTokens) => readonly Int32Array[];
}

const PLACED = [134_464, 200_000] as const;
/** The re-cut: another part of the stream, and other batches. */
const PLACED_ANEW = [34_464, 100_000] as const;
const DISPATCHED_ANEW = [100_000, 200_000] as const;
/** As many of the published cases' batches as give their figures. */
const PREFILL_BATCHES = 12;
const DECODE_BATCHES = 64;

export const STREAM_CASES: readonly StreamCase[] = [
  {
    name: "in order, 16384",
    phase: "prefill",
    placed: PLACED,
    batches: (stream) => cut(range(PLACED[1], stream.trace.tokens), 16_384).slice(0, PREFILL_BATCHES),
  },
  {
    name: "128 requests in turn, 4096",
    phase: "prefill",
    placed: PLACED,
    batches: (stream) => cut(interleaved(stream, PLACED[1], 128), 4096).slice(0, PREFILL_BATCHES),
  },
  {
    name: "decode, 256 requests, 256",
    phase: "decode",
    placed: PLACED,
    batches: (stream) => cut(interleaved(stream, PLACED[1], 256), 256).slice(0, DECODE_BATCHES),
  },
  {
    name: "re-cut: 64 requests in turn, 8192",
    phase: "prefill",
    placed: PLACED_ANEW,
    batches: (stream) => cut(interleaved(upTo(stream, DISPATCHED_ANEW[1]), DISPATCHED_ANEW[0], 64), 8192),
  },
  {
    name: "re-cut: decode, 128 requests, 512",
    phase: "decode",
    placed: PLACED_ANEW,
    batches: (stream) => cut(interleaved(upTo(stream, DISPATCHED_ANEW[1]), DISPATCHED_ANEW[0], 128), 512),
  },
];

/** The stream as if it ended there. */
function upTo(stream: RoutedTokens, end: number): RoutedTokens {
  return { ...stream, request: stream.request.subarray(0, end) };
}
