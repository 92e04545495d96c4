import { H800, type Hardware } from "../core/cost/hardware.ts";
import { countMoves } from "../core/migration/moves.ts";
import { type MoeModel, expertBytes } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";

/**
 * Milliseconds until every GPU has received the experts it lacks: the GPU that needs most, at the rate of its link
 * between nodes. Serving is taken not to be slowed by it.
 */
export function transferMs(
  model: MoeModel,
  previous: Placement,
  next: Placement,
  hardware: Hardware = H800,
): number {
  const { received } = countMoves(model, previous, next);
  const most = received.reduce((a, b) => Math.max(a, b), 0);
  return ((most * expertBytes(model)) / hardware.rdmaBandwidth) * 1000;
}
