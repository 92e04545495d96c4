import { type MoeModel, expertBytes } from "../../model/moe-model.ts";
import { H800, type Hardware } from "../cost/hardware.ts";
import type { Moves } from "./moves.ts";

/**
 * Milliseconds until every GPU has received the experts it lacks: the GPU that needs most, at the rate of its link
 * between nodes.
 */
export function transferMs(model: MoeModel, moves: Moves, hardware: Hardware = H800): number {
  const most = moves.received.reduce((a, b) => Math.max(a, b), 0);
  return ((most * expertBytes(model)) / hardware.rdmaBandwidth) * 1000;
}
