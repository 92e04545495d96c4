import { setImmediate as nextTurn } from "node:timers/promises";
import { Rng } from "../src/lib/rng.ts";
import type { ScheduledRequest, Sender } from "../src/replay/load.ts";
import type { RequestRecord } from "../src/replay/request-record.ts";

const LONGEST_ANSWER_MS = 100;

interface Answer {
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly end: (record: RequestRecord | null) => void;
}

/** A sender with a clock of its own, whose answers take drawn times. */
export class HandSender implements Sender {
  readonly signal = new AbortController().signal;
  readonly given: ScheduledRequest[] = [];
  readonly endedAt = new Map<number, number>();
  readonly #rng: Rng;
  readonly #open: Answer[] = [];
  #ms = 0;

  constructor(seed: number) {
    this.#rng = new Rng(seed);
  }

  readonly now = (): number => this.#ms;

  at(scheduled: ScheduledRequest) {
    this.given.push(scheduled);
    const ended = Promise.withResolvers<RequestRecord | null>();
    const { index, startMs } = scheduled;
    const endMs = Math.max(this.#ms, startMs) + 1 + this.#rng.below(LONGEST_ANSWER_MS);
    this.#open.push({ index, startMs, endMs, end: ended.resolve });
    return { sent: Promise.resolve(true), ended: ended.promise };
  }

  /** Lets every answer come, in the order of their times. @returns how many were in flight at most */
  async playOut(): Promise<number> {
    let most = 0;
    for (await settled(); this.#open.length > 0; await settled()) {
      this.#open.sort((a, b) => a.endMs - b.endMs);
      const [next] = this.#open.splice(0, 1);
      most = Math.max(most, 1 + this.#open.filter(({ startMs }) => startMs < next.endMs).length);
      this.#ms = next.endMs;
      this.endedAt.set(next.index, next.endMs);
      next.end({} as RequestRecord);
    }
    return most;
  }
}

/** What follows without time passing has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
}
