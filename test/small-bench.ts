import type { Bench } from "../loadtest/bench/bench.ts";
import { drawLoad } from "../loadtest/bench/layer-statistics.ts";
import { syntheticTokens } from "../loadtest/bench/routed-tokens.ts";
import { Rng } from "../src/lib/rng.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../harness/small-model.ts";

const HISTOGRAM = [
  [0.1, 1, 20],
  [1, 2, 10],
  [4, 5, 2],
] as const;

/** What benchmarks of the small model are given, without the data that the real ones read. @param tokens of the stream */
export function smallBench(tokens: number): Bench {
  const histograms = Array.from({ length: SMALL_MOE_LAYERS }, () => HISTOGRAM);
  return {
    input: {
      model: SMALL_MODEL,
      loads: [drawLoad(histograms, new Rng(2))],
      stream: syntheticTokens(SMALL_MODEL, tokens, 1, new Rng(1)),
      groups: SMALL_MODEL.groups,
      source: { loads: "drawn", stream: "synthetic" },
    },
    seed: 1,
    progress: () => {},
  };
}
