import type { PrefillFirstBatching } from "./batching.ts";
import { NewTokenRatio } from "./new-token-ratio.ts";
import { type SimulatedRequest, decodes, endTokens, knownTokens } from "./pool-request.ts";
import type { Rank, StepOrder } from "./rank.ts";
import type { StepWork } from "./step-work.ts";

/** Tokens still to be made that one request is taken to make at most (`SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION`). */
const MOST_NEW_TOKENS = 4096;

/**
 * SGLang 0.5.23 (`get_next_batch_to_run`, `managers/scheduler.py`; `PrefillAdder`, `managers/schedule_policy.py`): a
 * step of prompts before one of answers, as long as prompts can be forwarded: the one that was cut goes on, then others
 * start in the order they came, as far as the step's tokens and the cache last. A request starts where there is room
 * for itself to its end beside a part of what the others still make (`NewTokenRatio`); once one has not found that,
 * none starts until one leaves. Where an answer finds no room, requests that have made least, of these the longest
 * prompts, give up their cache and wait as the last (`retract_decode`, `managers/schedule_batch.py`).
 *
 * A client's limit of output tokens, which SGLang reckons with, is taken to be what the request makes.
 */
export class PrefillFirst implements StepOrder {
  readonly #batching: PrefillFirstBatching;
  readonly #ratio = new NewTokenRatio();
  #full = false;

  constructor(batching: PrefillFirstBatching) {
    this.#batching = batching;
  }

  departed(): void {
    this.#full = false;
  }

  compose(rank: Rank, work: StepWork): void {
    const { mixed, stepTokens } = this.#batching;
    if (!mixed) {
      if (!this.#prompts(rank, work, stepTokens)) this.#answers(rank, work, 0);
      return;
    }
    const answered = this.#answers(rank, work, 0);
    const known = rank.running.length;
    this.#prompts(rank, work, stepTokens - answered);
    this.#answers(rank, work, known);
  }

  /** Forwards so many tokens of prompts at most. Returns whether there were any. */
  #prompts(rank: Rank, work: StepWork, tokens: number): boolean {
    const { running } = rank;
    if (running.length === 0) this.#full = false;
    const cut = cutPrompt(running);
    if (cut === null && (this.#full || rank.waiting.length === 0)) return false;
    const before = work.size;
    let left = tokens;
    let room = rank.availableBytes - this.#toCome(rank);
    if (cut !== null && left > 0) {
      const count = Math.min(rank.wanted(cut), left);
      if (rank.grow(cut, count)) {
        work.add(cut, count);
        left -= count;
      } else rank.preempt(cut, work, "first");
    }
    while (left > 0 && rank.waiting.length > 0) {
      const next = rank.waiting.first;
      const bytes = rank.bytesToStart(next, knownTokens(next) + newTokens(next));
      if (bytes > room || running.length >= this.#batching.runningPerRank) {
        this.#full = running.length > 0;
        break;
      }
      room -= bytes;
      rank.startFirst();
      // One whose cache has arrived has no prompt to forward.
      if (decodes(next)) continue;
      const count = Math.min(rank.wanted(next), left);
      rank.grow(next, count);
      work.add(next, count);
      left -= count;
    }
    return work.size > before;
  }

  /** Bytes that running requests are taken to come to have beside what they have. */
  #toCome(rank: Rank): number {
    let [made, prompts] = [0, 0];
    for (const request of rank.running) {
      if (decodes(request)) made += newTokens(request);
      else prompts += knownTokens(request) - request.room + newTokens(request);
    }
    return rank.growingBytes * (this.#ratio.ratio * made + prompts);
  }

  /** Forwards answers. Returns their tokens. @param from the first that runs of those that have not been asked yet */
  #answers(rank: Rank, work: StepWork, from: number): number {
    if (from === 0) this.#retract(rank, work);
    let tokens = 0;
    for (let i = from; i < rank.running.length; i++) {
      const request = rank.running[i];
      const count = rank.wanted(request);
      if (!decodes(request) || !rank.grow(request, count)) continue;
      work.add(request, count);
      tokens += count;
    }
    return tokens;
  }

  #retract(rank: Rank, work: StepWork): void {
    const { running } = rank;
    if (rank.answersFit()) {
      if (running.length > 0) this.#ratio.fall();
      return;
    }
    do rank.preempt(shortest(running), work, "last");
    while (!rank.answersFit());
    let [answers, made, most] = [0, 0, 0];
    for (const request of running) {
      if (!decodes(request)) continue;
      answers++;
      made += request.made;
      most += request.outputTokens;
    }
    this.#ratio.retracted(answers, made, most);
  }
}

function newTokens(request: SimulatedRequest): number {
  return Math.min(MOST_NEW_TOKENS, endTokens(request) - knownTokens(request));
}

/** Of the requests that run, the last but for those whose cache has arrived may have a prompt that a step has cut. */
function cutPrompt(running: readonly SimulatedRequest[]): SimulatedRequest | null {
  for (let i = running.length - 1; i >= 0; i--) if (!decodes(running[i])) return running[i];
  return null;
}

/** The answer that has made least, of these the one with the longest prompt, of these the last. */
function shortest(running: readonly SimulatedRequest[]): SimulatedRequest {
  let least: SimulatedRequest | null = null;
  for (const request of running) {
    if (!decodes(request)) continue;
    const { made, inputTokens } = request;
    if (least === null || made < least.made || (made === least.made && inputTokens >= least.inputTokens))
      least = request;
  }
  if (least === null) throw new Error("no answer is there to give its cache up");
  return least;
}
