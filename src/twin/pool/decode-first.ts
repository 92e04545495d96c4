import type { DecodeFirstBatching } from "./batching.ts";
import { type SimulatedRequest, endTokens, knownTokens } from "./pool-request.ts";
import type { Rank, StepOrder } from "./rank.ts";
import type { StepWork } from "./step-work.ts";

/**
 * vLLM 0.32 (`Scheduler.schedule`, `v1/core/sched/scheduler.py`): running requests first, in the order they started,
 * each with what it lacks as far as the step's tokens last; then those that wait. A prompt that the step cuts is the
 * last that runs, so that answers come before prompts. Where a running request finds no room, the last one that runs
 * gives up its cache and waits as the first. Its tokens are forwarded anew, but for those that are still there then.
 */
export class DecodeFirst implements StepOrder {
  readonly #batching: DecodeFirstBatching;

  constructor(batching: DecodeFirstBatching) {
    this.#batching = batching;
  }

  compose(rank: Rank, work: StepWork): void {
    let left = this.#batching.stepTokens;
    const { running } = rank;
    for (let i = 0; i < running.length && left > 0; i++) {
      const request = running[i];
      const count = Math.min(rank.wanted(request), left);
      while (!rank.grow(request, count)) {
        const last = running[running.length - 1];
        rank.preempt(last, work, "first", last.computed);
        if (last === request) return;
      }
      forward(rank, work, request, count);
      left -= count;
    }
    this.#start(rank, work, left);
  }

  departed(): void {
    // Whoever waits is looked at in every step.
  }

  idle(): void {
    // Nothing is remembered from step to step.
  }

  #start(rank: Rank, work: StepWork, tokens: number): void {
    let left = tokens;
    const { runningPerRank, admission } = this.#batching;
    while (left > 0 && rank.waiting.length > 0 && rank.running.length < runningPerRank) {
      const next = rank.waiting.first;
      const needed = admission === "whole" ? endTokens(next) : knownTokens(next) + rank.drafts;
      if (!rank.fits(next, needed)) return;
      rank.startFirst();
      if (admission === "whole") rank.reserve(next);
      const count = Math.min(rank.wanted(next), left);
      rank.grow(next, count);
      forward(rank, work, next, count);
      left -= count;
    }
  }
}

/** Blocks are there for others from when they are scheduled on (`allocate_slots`, `v1/core/kv_cache_manager.py`). */
function forward(rank: Rank, work: StepWork, request: SimulatedRequest, count: number): void {
  work.add(request, count);
  rank.offer(request, request.computed + count);
}
