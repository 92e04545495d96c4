import {
  MOST_BUSY,
  type OpenPoint,
  type OpenPool,
  type PoolDemand,
  PoolSteps,
  chunksOf,
  ownSteps,
  queuesOf,
  tokenVariance,
} from "./pool-steps.ts";
import { certain, leftOf, waitFor } from "./time-parts.ts";

const FURTHER = 1.25;

/** Answers whose prompts are computed elsewhere. `load`: sequences that a rank runs. */
export class AnswerPool implements OpenPool {
  readonly #steps: PoolSteps;

  constructor(demand: PoolDemand) {
    this.#steps = new PoolSteps(demand);
  }

  at(batch: number): OpenPoint | null {
    const steps = this.#steps;
    const { demand, ranks } = steps;
    if (steps.crowded(batch) > demand.room) return null;
    const tpot = steps.seconds(steps.beside(batch), null);
    return {
      rate: (batch * ranks) / (demand.answer * tpot),
      // A first token is sent on when a step begins.
      first: [leftOf(steps.runs(batch), tpot)],
      itl: steps.seconds(steps.crowded(batch), null),
      tpot,
      batch,
    };
  }
}

/** Prompts whose answers are elsewhere. `load`: parts of prompts that arrive while a step runs. */
export class PromptPool implements OpenPool {
  readonly #steps: PoolSteps;

  constructor(demand: PoolDemand) {
    this.#steps = new PoolSteps(demand);
  }

  at(arrive: number): OpenPoint | null {
    const steps = this.#steps;
    const { demand, ranks } = steps;
    const { prompts: fresh, stepTokens: room } = demand;
    const chunks = chunksOf(fresh, room);
    const chunk = fresh.mean / chunks;
    const filled = (arrive * chunk) / (ranks * room);
    if (filled > MOST_BUSY) return null;
    // A step has what came while the one before ran, or the one for which nobody waited.
    const runs = -Math.expm1(-arrive);
    const mean = (arrive * chunk) / runs;
    const step = (tokens: number, part = chunk, seen = fresh.seen) =>
      steps.seconds(0, { tokens, chunk: part, seen, room });
    const seconds = step(mean);
    const rate = arrive / (chunks * seconds);
    const work = (fresh.mean / room) * step(room * (1 + (ranks - 1) * filled));
    const busy = (rate * work) / ranks;
    if (busy > MOST_BUSY) return null;
    const slope = (step(FURTHER * mean) - seconds) / ((FURTHER - 1) * mean);
    const spread = chunks === 1 ? fresh.spread : 0;
    const varied = slope * slope * tokenVariance(mean / chunk, chunk, spread, rate * fresh.mean * slope);
    // Longer steps have more arrivals.
    const length = seconds + varied / seconds;
    const others = (runs * arrive * chunk * length) / seconds;
    const own = ownSteps(demand, room, (part, seen) => step(part + others, part, seen));
    const first = [
      leftOf(runs, length),
      certain(own.mean, own.above, runs * varied),
      waitFor(queuesOf(ranks), busy, work, own.spread),
    ];
    return { rate, first, itl: 0, tpot: 0, batch: 0 };
  }
}
