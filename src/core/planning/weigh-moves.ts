import type { MoeModel } from "../../model/moe-model.ts";
import type { Moves } from "../migration/moves.ts";
import { transferMs } from "../migration/transfer-time.ts";
import type { Prediction } from "./prediction.ts";

/** While weights travel, they take half of the links from the tokens. */
const TRAFFIC_LOST = 0.5;
/** A placement that saves less than this part of the time is noise, however few its moves. */
const LEAST_GAIN = 0.002;

/** A placement held against the one in force. */
export interface Weighed {
  readonly after: Prediction;
  readonly moves: Moves;
  /** How long its weights travel, ms. */
  readonly transferMs: number;
  /** The part of the time it is predicted to save. */
  readonly gain: number;
  /** The part it has to save: what its moves lose until placements come round again. */
  readonly neededGain: number;
  /** The one less the other. */
  readonly worth: number;
}

/** @param placementMs until placements come round again */
export function weighMoves(
  before: Prediction,
  after: Prediction,
  moves: Moves,
  model: MoeModel,
  placementMs: number,
): Weighed {
  const travelMs = transferMs(model, moves);
  const gain = before.cost / after.cost - 1;
  const neededGain = Math.max(LEAST_GAIN, (TRAFFIC_LOST * travelMs) / placementMs);
  return { after, moves, transferMs: travelMs, gain, neededGain, worth: gain - neededGain };
}
