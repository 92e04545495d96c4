import type { PublishedRow } from "./published-row.ts";

const BF16 = 2;

/**
 * The least time of a decoding step that expert parallelism allows (ISCA'25 §2.3.2): each of two micro-batches sends a
 * byte and gets back two of every value of a token, for each of its experts and the shared one, in every layer.
 * @param bandwidth bytes per second
 */
function exchangeBoundMs(bandwidth: number): number {
  const [tokens, experts, hidden, layers, microBatches] = [32, 9, 7000, 61, 2];
  return (1000 * (1 + BF16) * tokens * experts * hidden * microBatches * layers) / bandwidth;
}

/** DeepSeek's own day (inference-system overview, February 2025). */
const DAY = {
  inputTokens: 608e9,
  cachedTokens: 342e9,
  outputTokens: 168e9,
  meanNodes: 226.75,
  gpusPerNode: 8,
  dollarsPerGpuHour: 2,
  /** DeepSeek-R1's prices per million tokens: input that is cached, or not, and output. */
  dollars: { cached: 0.14, missed: 0.55, output: 2.19 },
  /** Tokens per second of a node: input with what is cached, and output. */
  nodeRates: { input: 73_700, output: 14_800 },
} as const;
const DAY_SECONDS = 86_400;

function dayCost(): number {
  return DAY.meanNodes * DAY.gpusPerNode * 24 * DAY.dollarsPerGpuHour;
}

function dayRevenue(): number {
  const { cached, missed, output } = DAY.dollars;
  const missedTokens = DAY.inputTokens - DAY.cachedTokens;
  return (DAY.cachedTokens * cached + missedTokens * missed + DAY.outputTokens * output) / 1e6;
}

/** Nodes that the day's tokens keep busy at the rates of a node. */
function dayNodes(): number {
  const { input, output } = DAY.nodeRates;
  return (DAY.inputTokens / input + DAY.outputTokens / output) / DAY_SECONDS;
}

/** Published figures that follow from others by arithmetic, beside ours. */
export function arithmeticRows(): PublishedRow[] {
  const row = (
    id: string,
    system: string,
    what: string,
    unit: string,
    published: number,
    predicted: number,
    how: string,
  ): PublishedRow => ({ id, system, what, unit, published, predicted, fitted: false, how });
  const bound = "(1 + 2) B x 32 tokens x 9 x 7000 over the link, x 2 micro-batches x 61 layers";
  const [isca, day] = ["DeepSeek-V3, ISCA'25", "DeepSeek's day"];
  return [
    row("bound-ib", isca, "TPOT bound at 50 GB/s", "ms", 14.76, exchangeBoundMs(50e9), bound),
    row("bound-nvl72", isca, "TPOT bound at 900 GB/s", "ms", 0.82, exchangeBoundMs(900e9), bound),
    row("day-cost", day, "cost of a day", "$", 87_072, dayCost(), "226.75 nodes x 8 GPUs x 24 h x $2"),
    row(
      "day-margin",
      day,
      "margin over cost",
      "%",
      545,
      100 * (dayRevenue() / dayCost() - 1),
      "R1's prices: $0.14 cached, $0.55 missed, $2.19 output per million",
    ),
    row(
      "day-nodes",
      day,
      "mean nodes",
      "nodes",
      226.75,
      dayNodes(),
      "608 B in at 73.7k/s and 168 B out at 14.8k/s per node",
    ),
  ];
}
