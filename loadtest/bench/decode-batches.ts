import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import type { Bench } from "./bench.ts";
import {
  cut,
  independentTokens,
  interleaved,
  loadOf,
  range,
  type RoutedTokens,
  spread,
  traceOf,
} from "./routed-tokens.ts";

export interface DecodeSizes {
  /** Tokens of a pool-wide batch. */
  readonly batches: readonly number[];
  /** Token numbers of the stream that are placed from; its batches are cut from those after them. */
  readonly placed: readonly [first: number, end: number];
  /** Batches of each size. */
  readonly count: number;
}

export const DECODE_SIZES: DecodeSizes = { batches: [32, 64, 128], placed: [134_464, 200_000], count: 64 };

/** Tokens like those of the published loads that were seen beforehand. */
const DRAWN_TRACE = 8192;

/** Decode batches of one size, and the load that is known of their tokens beforehand. */
export interface DecodeBatches {
  readonly name: string;
  readonly load: ExpertLoad;
  /** Tokens like them that were seen beforehand. */
  readonly trace: RoutingTrace;
  readonly source: RoutedTokens;
  readonly batches: readonly Int32Array[];
}

/** Of the stream, every token of another request; and of tokens drawn by the published loads. */
export function decodeBatches(
  { input, seed }: Bench,
  tokens: number,
  { placed: [first, end], count }: DecodeSizes,
): DecodeBatches[] {
  const { stream, loads } = input;
  const { topk } = stream.trace;
  const known = range(first, end);
  const drawn = independentTokens(loads[0], tokens * count, topk, new Rng(seed, 5, tokens));
  return [
    {
      name: "stream, a request per token",
      load: loadOf(stream, known),
      trace: traceOf(stream, known),
      source: stream,
      batches: spread(cut(interleaved(stream, end, tokens), tokens), count),
    },
    {
      name: "published loads",
      load: loads[0],
      trace: independentTokens(loads[0], DRAWN_TRACE, topk, new Rng(seed, 11)).trace,
      source: drawn,
      batches: cut(range(0, drawn.trace.tokens), tokens),
    },
  ];
}
