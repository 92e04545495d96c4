import { normalQuantile } from "../lib/normal.ts";
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

/** Until chances and times of steps agree. */
const ROUNDS = 4;
/** Of a step's tokens, what the time of a further one is taken from. */
const FURTHER = 1.25;
/** Hardly a prompt is shorter than that of this part. */
const SHORTEST = 0.02;
/** Of tokens in steps with prompts, the part that is looked at at least. */
const LEAST_AMONG = 1e-3;

/** Steps with prompts, and without. */
interface Steps {
  readonly none: number;
  readonly some: number;
  /** The chance that a step has some, and their tokens on average. */
  readonly chance: number;
  readonly tokens: number;
  /** On average. */
  readonly mean: number;
}

/** Prompts in the steps of a pool. */
interface Prompts extends Pick<Steps, "chance" | "tokens"> {
  /** That begin in a step, and the steps that each takes. */
  readonly begin: number;
  readonly chunks: number;
  /** Of the tokens of steps that have some. */
  readonly variance: number;
  readonly room: number;
}

/**
 * Prompts and answers on the same GPUs. `load`: sequences that a rank runs; as many requests begin in a step as end, and each
 * has a token in it, so that of the load all else follows.
 */
export class MixedPool implements OpenPool {
  readonly #steps: PoolSteps;
  readonly #promptsFirst: boolean;

  /** @param promptsFirst whether a rank's answers wait while it has prompts (SGLang); else they share its steps (vLLM) */
  constructor(demand: PoolDemand, promptsFirst: boolean) {
    this.#steps = new PoolSteps(demand);
    this.#promptsFirst = promptsFirst;
  }

  at(batch: number): OpenPoint | null {
    const steps = this.#steps;
    const { ranks, demand } = steps;
    const { answer, stepTokens, prompts: fresh } = demand;
    const room = this.#promptsFirst ? stepTokens : stepTokens - batch;
    if (steps.crowded(batch) > demand.room || room < 1) return null;
    const begin = (batch * ranks) / answer;
    const filled = (begin * fresh.mean) / (ranks * room);
    if (filled > MOST_BUSY) return null;
    const chunks = chunksOf(fresh, room);
    const chunk = fresh.mean / chunks;
    const beside = steps.beside(batch);
    const step = (tokens: number, answers = beside) => this.#step(answers, tokens, chunk, room, fresh.seen);
    const { none, some, chance, tokens, mean } = this.#between(begin, chunks, step);
    const rate = begin / mean;
    const work = (fresh.mean / room) * step(room * (1 + (ranks - 1) * filled));
    const busy = (rate * work) / ranks;
    if (busy > MOST_BUSY) return null;
    const slope = (step(FURTHER * tokens) - some) / ((FURTHER - 1) * tokens);
    const spread = chunks === 1 ? fresh.spread : 0;
    const variance = tokenVariance(tokens / chunk, chunk, spread, rate * fresh.mean * slope);
    const varied = slope * slope * variance;
    // Of the step that runs when a request comes, a long one the likelier.
    const runs = steps.runs(batch);
    const square = (1 - chance) * none * none + chance * (some * some + varied);
    const others = (runs * rate * square) / mean;
    const own = ownSteps(demand, room, (part, seen) => {
      const all = part + others * fresh.mean;
      return (
        runs * this.#step(beside, all, part, room, seen) + (1 - runs) * this.#step(0, all, part, room, seen)
      );
    });
    const variances = others * (1 + fresh.spread) * (slope * fresh.mean) ** 2;
    const first = [
      leftOf(runs, square / mean),
      certain(own.mean, own.above, variances),
      waitFor(queuesOf(ranks), busy, work, own.spread),
    ];
    const itl = this.#longGap(batch, { begin, chunks, chance, tokens, variance, room });
    return { rate, first, itl, tpot: mean, batch };
  }

  /** A long step is followed by one with prompts the likelier. */
  #between(begin: number, chunks: number, step: (tokens: number) => number): Steps {
    const { mean: prompt } = this.#steps.demand.prompts;
    const none = step(0);
    let [chance, tokens, some, mean] = [0, 0, 0, none];
    for (let round = 0; round < ROUNDS; round++) {
      const arrive = (begin * chunks) / mean;
      const afterNone = -Math.expm1(-arrive * none);
      const noneAfterSome = round === 0 ? 1 - afterNone : Math.exp(-arrive * some);
      chance = afterNone / (afterNone + noneAfterSome);
      tokens = (begin * prompt) / chance;
      some = step(tokens);
      mean = (1 - chance) * none + chance * some;
    }
    return { none, some, chance, tokens, mean };
  }

  /** What only few times between tokens exceed: a crowded step, or where more of them have prompts, one with many. */
  #longGap(batch: number, { begin, chunks, chance, tokens, variance, room }: Prompts): number {
    const steps = this.#steps;
    const { prompts: fresh, itl } = steps.demand;
    const beyond = 1 - itl.part;
    const chunk = fresh.mean / chunks;
    const beside = steps.beside(batch);
    let longest = steps.seconds(steps.crowded(batch), null);
    // Where prompts are first, answers share the steps of those of other ranks only.
    const shared = this.#promptsFirst ? chance * (1 - 1 / steps.ranks) : chance;
    if (shared > beyond) {
      const among = Math.max(LEAST_AMONG, 1 - beyond / shared);
      const least = Math.min(tokens, fresh.quantile(SHORTEST) / chunks);
      const many = Math.max(least, tokens + normalQuantile(among) * Math.sqrt(variance));
      longest = Math.max(longest, steps.seconds(beside, { tokens: many, chunk, seen: fresh.seen, room }));
    }
    // For those of the own rank they wait until all their steps are over.
    const waits = this.#promptsFirst ? -Math.expm1(-begin / steps.ranks) : 0;
    if (waits > beyond) {
      const one = { tokens: Math.max(chunk, tokens), chunk, seen: fresh.seen, room };
      const count = (begin / steps.ranks / waits) * chunks;
      longest = Math.max(longest, count * steps.seconds(0, one) + steps.seconds(beside, null));
    }
    return longest;
  }

  #step(answers: number, tokens: number, chunk: number, room: number, seen: number): number {
    const steps = this.#steps;
    if (tokens === 0) return steps.seconds(answers, null);
    const prompts = { tokens, chunk, seen, room };
    const shared = steps.seconds(answers, prompts);
    if (!this.#promptsFirst || answers === 0) return shared;
    // A rank by itself has a step of its own for them; beside others its answers wait that seldom.
    const apart = steps.seconds(answers, null) + steps.seconds(0, prompts);
    return apart / steps.ranks + shared * (1 - 1 / steps.ranks);
  }
}
