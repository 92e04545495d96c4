import type { PrefillFirstBatching } from "./batching.ts";
import { NewTokenRatio, TOKENS_AHEAD } from "./new-token-ratio.ts";
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

  idle(): void {
    this.#ratio.reset();
  }

  compose(rank: Rank, work: StepWork): void {
    const answers = this.#batching.mixed ? this.#answerTokens(rank) : 0;
    if (!this.#prompts(rank, work, answers)) {
      this.#retract(rank, work);
      this.#answers(rank, work);
    } else if (this.#batching.mixed && rank.answersFit()) {
      this.#answers(rank, work);
      this.#full = false;
    }
  }

  #answerTokens({ running, drafts }: Rank): number {
    let answers = 0;
    for (const request of running) if (decodes(request)) answers++;
    return answers * (1 + drafts);
  }

  /** Returns whether there were any. @param answers tokens that are left for answers */
  #prompts(rank: Rank, work: StepWork, answers: number): boolean {
    const { running } = rank;
    const cut = cutPrompt(running);
    const answering = running.length > (cut === null ? 0 : 1);
    if (!answering) this.#full = false;
    if (cut === null && (this.#full || rank.waiting.length === 0)) return false;
    const before = work.size;
    const { growingBytes, pageBytes } = rank;
    let left = this.#batching.stepTokens - answers;
    let room = rank.availableBytes - growingBytes * answers - this.#toCome(rank);
    if (cut !== null && left > 0) {
      const wanted = rank.wanted(cut);
      const fit = Math.floor(room / growingBytes);
      const count = Math.min(wanted, left, fit > 0 ? fit : left);
      if (!rank.grow(cut, count)) {
        rank.preempt(cut, work, "first", cut.prompted);
        return false;
      }
      work.add(cut, count);
      left -= count;
      room -= growingBytes * (count + (count === wanted ? answerTokens(cut) : 0)) + pageBytes;
    }
    while (left > 0 && rank.waiting.length > 0) {
      const next = rank.waiting.first;
      const bytes = rank.bytesToStart(next, knownTokens(next) + newTokens(next));
      // Alone it gets what there is.
      const fits = bytes + pageBytes < room || (running.length === 0 && bytes <= room);
      if (!fits || running.length >= this.#batching.runningPerRank) {
        // It is remembered with the answers that run.
        this.#full = answering;
        break;
      }
      room -= bytes + pageBytes;
      rank.startFirst();
      // One whose cache has arrived has no prompt to forward.
      if (decodes(next)) continue;
      const wanted = rank.wanted(next);
      const count = Math.min(wanted, left);
      // What it has made of its answer before is kept room for once more.
      if (count === wanted) room -= growingBytes * (answerTokens(next) - newTokens(next));
      else room += growingBytes * (wanted - count + newTokens(next));
      rank.grow(next, count);
      work.add(next, count);
      left -= count;
    }
    return work.size > before;
  }

  /** Bytes that answers are taken to come to have beside what they have. */
  #toCome({ running, growingBytes }: Rank): number {
    let tokens = 0;
    for (const request of running) if (decodes(request)) tokens += newTokens(request);
    return growingBytes * this.#ratio.ratio * tokens;
  }

  #answers(rank: Rank, work: StepWork): void {
    for (const request of rank.running) {
      const count = rank.wanted(request);
      if (decodes(request) && rank.grow(request, count)) work.add(request, count);
    }
  }

  #retract(rank: Rank, work: StepWork): void {
    const { running } = rank;
    if (rank.answersFit()) {
      if (running.length > 0) this.#ratio.fall();
      return;
    }
    do {
      const request = shortest(running);
      // What it has made is freed; its prompt is in the tree.
      rank.preempt(request, work, "last", request.prompted);
      rank.makeFree(TOKENS_AHEAD * running.length);
    } while (!rank.answersFit());
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

function answerTokens({ outputTokens }: SimulatedRequest): number {
  return Math.min(MOST_NEW_TOKENS, outputTokens);
}

/** Still to be made. */
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
