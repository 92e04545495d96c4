import type { PublishedRow } from "./published-row.ts";

/** TensorRT-LLM's attention-DP balance on 8 GB200: tokens per second by balance (mean ÷ maximum tokens of a rank). */
const POINTS = [
  { balance: 0.5411, rate: 25_664 },
  { balance: 0.8433, rate: 33_499 },
  { balance: 0.877, rate: 34_140 },
] as const;

/**
 * A part of the step follows the fullest rank (1 ÷ balance), the rest does not. Two points say which part; the third is
 * predicted.
 */
export function attentionBalanceRows(): PublishedRow[] {
  const [low, middle, high] = POINTS;
  const slope = (1 / low.rate - 1 / middle.rate) / (1 / low.balance - 1 / middle.balance);
  const rest = 1 / low.rate - slope / low.balance;
  const part = slope / (slope + rest);
  const row = (point: (typeof POINTS)[number], fitted: boolean): PublishedRow => ({
    id: `adp-${(100 * point.balance).toFixed(1)}`,
    system: "TensorRT-LLM, 8 GB200, attention DP",
    what: `throughput at balance ${(100 * point.balance).toFixed(2)} %`,
    unit: "tokens/s",
    published: point.rate,
    predicted: 1 / (rest + slope / point.balance),
    fitted,
    how: fitted
      ? `fitted: ${(100 * part).toFixed(0)} % of a balanced step follow the fullest rank`
      : "from the part that the two others give",
  });
  return [row(low, true), row(middle, true), row(high, false)];
}
