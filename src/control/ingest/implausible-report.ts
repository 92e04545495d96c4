import type { LoadReport } from "./load-report.ts";
import type { ReportShape } from "../messages/report-shape.ts";

/**
 * No GPU forwards so many tokens per second: a model of 10⁹ activated parameters takes 2·10⁹ operations a token, an
 * H100 does 10¹⁵ a second (NVIDIA's data sheet, dense BF16), so half of it at the very best.
 */
const MOST_TOKENS_PER_SECOND = 1e6;
/** Every layer routes the same tokens; their sums may differ by what was under way at the window's ends. */
export const MOST_BETWEEN_LAYERS = 2;
/** So many placements may follow each other within a window: a rank has received tokens for no more experts. */
const MOST_PLACEMENTS = 4;

export interface PlausibleLimits {
  readonly shape: ReportShape;
  readonly slotsPerGpu: number;
  readonly topk: number;
}

/**
 * Why a report cannot be true, in one clause; null when it can. Of what a rank has received the layers differ as its
 * experts do: they are compared over the pool (received-windows.ts).
 */
export function implausibility(report: LoadReport, limits: PlausibleLimits): string | null {
  const received = report.counted === "received";
  const { experts, gpus } = limits.shape;
  const most = Math.min(experts, MOST_PLACEMENTS * limits.slotsPerGpu);
  const sums = layerSums(report.counts, limits.shape);
  const highest = Math.max(...sums.tokens);
  if (received) {
    const layer = sums.experts.findIndex((count) => count > most);
    if (layer >= 0)
      return `counts tokens of ${sums.experts[layer]} experts in layer ${layer}, and a rank with ${limits.slotsPerGpu} slots receives those of ${most} at most: does it count "source"?`;
  } else {
    // A rank of a pipeline has counts of its own layers only.
    const lowest = Math.min(...sums.tokens.filter((sum) => sum > 0));
    if (highest > MOST_BETWEEN_LAYERS * lowest)
      return `counts ${highest} in one layer and ${lowest} in another`;
  }
  const perSecond = ((highest / limits.topk) * 1000) / report.windowMs;
  // One rank may receive the tokens of all.
  const limit = MOST_TOKENS_PER_SECOND * (received || report.rank === null ? gpus : 1);
  return perSecond > limit ? `counts ${Math.round(perSecond)} tokens per second, above ${limit}` : null;
}

/** `[layers]`: tokens, and the experts that they are of. */
function layerSums(counts: LoadReport["counts"], { layers, experts }: ReportShape) {
  const tokens = new Float64Array(layers);
  const counted = new Uint32Array(layers);
  for (let layer = 0; layer < layers; layer++) {
    let sum = 0;
    let some = 0;
    for (let i = layer * experts; i < (layer + 1) * experts; i++) {
      sum += counts[i];
      if (counts[i] > 0) some++;
    }
    tokens[layer] = sum;
    counted[layer] = some;
  }
  return { tokens, experts: counted };
}
