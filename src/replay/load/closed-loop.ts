import { setImmediate as rest } from "node:timers/promises";
import type { Load, ScheduledRequest, Sender } from "../load.ts";
import { type Bounds, BoundsCheck, countedTime } from "./bounds.ts";
import type { NumberedRequest } from "./request-source.ts";
import { TurnQueue } from "./turn-queue.ts";

/** Making long prompts ready would hold up the streams that are read: after so long it is their turn. */
const REST_EVERY_MS = 3;

/**
 * Keeps so many requests in flight: when one is over, the next is sent. Turns of a conversation wait for the answer
 * before them, and think; meanwhile others are sent in their place.
 * @param next what comes next; null when there is no more
 */
export function closedLoop(
  next: () => Promise<NumberedRequest | null>,
  streams: number,
  bounds: Bounds,
): Load {
  const { warmUp, durationMs } = bounds;
  return {
    endsAtMs: Number.isFinite(durationMs) ? warmUp.ms + durationMs : null,
    ...countedTime(bounds),
    play: (sender) => new Loop(next, sender, bounds).play(streams),
  };
}

class Loop {
  readonly #sender: Sender;
  readonly #turns: TurnQueue;
  readonly #check: BoundsCheck;
  #restedAt: number;
  #over = false;

  constructor(next: () => Promise<NumberedRequest | null>, sender: Sender, bounds: Bounds) {
    this.#sender = sender;
    this.#turns = new TurnQueue(next);
    this.#check = new BoundsCheck(bounds);
    this.#restedAt = sender.now();
  }

  async play(streams: number): Promise<void> {
    await Promise.all(Array.from({ length: streams }, () => this.#stream()));
  }

  /** One after the other. */
  async #stream(): Promise<void> {
    for (let next = await this.#take(); next !== null; next = await this.#take()) await this.#play(next);
  }

  /** By itself, for while the next is played nobody needs this one's record. */
  async #play(next: ScheduledRequest): Promise<void> {
    const record = await this.#sender.at(next).ended;
    this.#turns.ended(next.request, this.#now());
    if (record === null) this.#over = true;
  }

  async #take(): Promise<ScheduledRequest | null> {
    if (this.#sender.now() - this.#restedAt > REST_EVERY_MS) {
      await rest();
      this.#restedAt = this.#sender.now();
    }
    if (this.#isOver()) return null;
    const next = await this.#turns.take(() => this.#now(), this.#sender.signal);
    if (next === null || this.#isOver()) return null;
    const startMs = Math.max(this.#now(), next.dueMs);
    const part = this.#check.take(startMs);
    if (part === null) {
      // Where only its thought ends too late, others may still go.
      this.#over ||= startMs > next.dueMs;
      if (this.#over) this.#turns.close();
      return null;
    }
    const { index, request } = next;
    return { index, startMs, request, whenReady: true, ...(part === "counts" ? {} : { warmUp: true }) };
  }

  #isOver(): boolean {
    return this.#over || this.#check.full || this.#sender.signal.aborted;
  }

  #now(): number {
    return Math.max(0, this.#sender.now());
  }
}
