import type { Attention } from "../../model/attention.ts";

/** Weights of one layer's projections: of queries, keys and values, down and up, and of the output (187 M for DeepSeek-V3). */
export function attentionWeights(attention: Attention, hidden: number): number {
  switch (attention.kind) {
    case "mla": {
      const { heads, qLoraRank, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim, indexer } = attention;
      const queries = heads * (nopeHeadDim + ropeHeadDim);
      const index =
        indexer === null
          ? 0
          : qLoraRank * indexer.heads * indexer.headDim + hidden * (indexer.headDim + indexer.heads);
      return (
        (qLoraRank === 0 ? hidden * queries : qLoraRank * (hidden + queries)) +
        hidden * (kvLoraRank + ropeHeadDim) +
        heads * (kvLoraRank * (nopeHeadDim + vHeadDim) + vHeadDim * hidden) +
        index
      );
    }
    case "gqa": {
      const { heads, kvHeads, headDim, vHeadDim, outputGate } = attention;
      const gate = outputGate ? heads * vHeadDim : 0;
      return hidden * ((heads + kvHeads) * headDim + (kvHeads + heads) * vHeadDim + gate);
    }
    case "linear": {
      const { keyHeads, keyHeadDim, valueHeads, valueHeadDim, convKernel } = attention;
      const [keys, values] = [keyHeads * keyHeadDim, valueHeads * valueHeadDim];
      // Queries, keys, values, a gate of values and two rates per head go in; values come out.
      return hidden * (2 * keys + 3 * values + 2 * valueHeads) + (2 * keys + values) * convKernel;
    }
  }
}
