import { partOfModel } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Moves } from "../migration/moves.ts";
import { TRANSFER_PART } from "../migration/transfer-part.ts";
import { transferMs } from "../migration/transfer-time.ts";
import { LEAST_SAVED, LEAST_WHILE_READING } from "./least-saved.ts";
import type { Machine } from "./machine.ts";
import type { Predicted } from "./prediction.ts";

/** A placement held against the one in force. Gains are parts of the tokens that the pool forwards in the same time. */
export interface Weighed {
  readonly after: Predicted;
  readonly moves: Moves;
  /** How long its weights travel, by themselves, ms. */
  readonly transferMs: number;
  /** Once they are there. */
  readonly gain: number;
  /** Of that, what does not pass as the load drifts: fewer hops, and more GPUs in service. */
  readonly lastingGain: number;
  /** Less than this is not worth any move. */
  readonly leastGain: number;
  /** What the gain has to be at least: what the moves lose of the tokens until placements come round again. */
  readonly neededGain: number;
  /** The gain less that. */
  readonly worth: number;
}

/** Holds what moved weights win against what they lose, in tokens that a pool forwards until placements come round. */
export class MoveScale {
  readonly #part: MoeModel;
  readonly #machine: Machine;
  readonly #placementMs: number;

  /** @param placementMs until placements come round again */
  constructor(model: MoeModel, machine: Machine, placementMs: number) {
    // Every GPU of an expert unit receives its part of an expert.
    this.#part = partOfModel(model, machine.shape);
    this.#machine = machine;
    this.#placementMs = placementMs;
  }

  /**
   * While weights travel, the pool forwards as before, less what it loses, and gains nothing yet. That takes longer than
   * the weights would by themselves: tokens have the rest of the links.
   * @param readingPart as `cost/reading-part.ts` has it, of the steps as they are
   */
  weigh(before: Predicted, after: Predicted, moves: Moves, readingPart = 0): Weighed {
    const ms = transferMs(this.#part, moves, this.#machine.hardware);
    const gain = before.cost / after.cost - 1;
    const travelling = Math.min(1, this.#travelling(ms));
    const leastGain = ((LEAST_SAVED + readingPart * LEAST_WHILE_READING) * after.placed) / after.cost;
    const neededGain = Math.max(leastGain, travelling * (lostWhileTravelling(before) + gain));
    const lastingGain = (before.lasting - after.lasting) / after.cost;
    return {
      after,
      moves,
      transferMs: ms,
      gain,
      lastingGain,
      leastGain,
      neededGain,
      worth: gain - neededGain,
    };
  }

  /** What a moved slot costs, in the unit of costs, where it is one of as many as a weighed placement moves. */
  slotCost(before: Predicted, { gain, moves, transferMs: ms }: Weighed): number {
    const lost = lostWhileTravelling(before) + Math.max(0, gain);
    return (before.cost * this.#travelling(ms) * lost) / Math.max(1, moves.slots);
  }

  /**
   * The same where as much of its lasting gain has been forgone as its moves lose: these need no more.
   * @param forgone parts of the tokens, times ms
   */
  afterForgone<W extends Weighed>(weighed: W, forgone: number): W {
    if (forgone < weighed.neededGain * this.#placementMs) return weighed;
    const neededGain = weighed.leastGain;
    return { ...weighed, neededGain, worth: weighed.worth + weighed.neededGain - neededGain };
  }

  #travelling(ms: number): number {
    return ms / TRANSFER_PART / this.#placementMs;
  }
}

/** The part of the tokens that a pool does not forward while its exchange has but the rest of the links. */
function lostWhileTravelling({ cost, exchange }: Predicted): number {
  return 1 - cost / (cost - exchange + exchange / (1 - TRANSFER_PART));
}
