import type { LoadReport } from "./load-report.ts";
import type { ReportShape } from "../messages/report-shape.ts";

/**
 * No GPU forwards so many tokens per second: a model of 10⁹ activated parameters takes 2·10⁹ operations a token, an
 * H100 does 10¹⁵ a second (NVIDIA's data sheet, dense BF16), so half of it at the very best.
 */
const MOST_TOKENS_PER_SECOND = 1e6;
/** Every layer routes the same tokens; their sums may differ by what was under way at the window's ends. */
const MOST_BETWEEN_LAYERS = 2;

/** Why a report cannot be true, in one clause; null when it can. */
export function implausibility(
  { rank, windowMs, counts }: LoadReport,
  { layers, experts, gpus }: ReportShape,
  topk: number,
): string | null {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let layer = 0; layer < layers; layer++) {
    let sum = 0;
    for (let i = layer * experts; i < (layer + 1) * experts; i++) sum += counts[i];
    // A rank of a pipeline has counts of its own layers only.
    if (sum === 0) continue;
    if (sum < least) least = sum;
    if (sum > most) most = sum;
  }
  if (most > MOST_BETWEEN_LAYERS * least) return `counts ${most} in one layer and ${least} in another`;
  const perSecond = ((most / topk) * 1000) / windowMs;
  const limit = MOST_TOKENS_PER_SECOND * (rank === null ? gpus : 1);
  return perSecond > limit ? `counts ${Math.round(perSecond)} tokens per second, above ${limit}` : null;
}
