import { Distribution, type DistributionSummary } from "../measures/distribution.ts";
import type { SeenAnswer } from "./seen-answer.ts";
import type { AnswerTruth } from "./timed-mock.ts";

/** A measure as it was taken, beside what it was; milliseconds. */
export interface MeasureError {
  readonly truth: DistributionSummary | null;
  readonly measured: DistributionSummary | null;
  /** How far each value is off, whatever the direction. */
  readonly error: DistributionSummary | null;
}

export interface Comparison {
  /** From the scheduled start, beside what the server knows: from the request to its first write. */
  readonly ttft: MeasureError;
  readonly itl: MeasureError;
  /** From the scheduled start to the server's having the request. */
  readonly sending: DistributionSummary | null;
  /** From a write to its being read. */
  readonly reading: DistributionSummary | null;
  /** That count: begun in the time that counts. */
  readonly answers: number;
  /** That count: written in it. */
  readonly frames: number;
  /** Answers that were not seen as they were written: failed, or with another number of frames. */
  readonly wrong: number;
}

/** What counts, and the clocks. */
export interface ComparedTime {
  /** When the replay's clock began, by the server's. */
  readonly beganMs: number;
  /** Requests that are scheduled, and frames that are written, from here to there, by the replay's clock. */
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * All streams run through the whole time that counts, and what was begun before it is compared as well as what goes on
 * behind it: every value is of the full load. A frame that was written in time and never read counts as read when its
 * answer was cut.
 */
export function compare(
  seen: readonly SeenAnswer[],
  truths: readonly AnswerTruth[],
  time: ComparedTime,
): Comparison {
  const byId = new Map(truths.map((truth) => [truth.requestId, truth]));
  const side = new SideBySide(time);
  for (const answer of seen) side.add(answer, byId.get(answer.requestId));
  return side.comparison();
}

class SideBySide {
  readonly #time: ComparedTime;
  readonly #ttft = new Beside();
  readonly #itl = new Beside();
  readonly #sending = new Distribution();
  readonly #reading = new Distribution();
  #answers = 0;
  #frames = 0;
  #wrong = 0;

  constructor(time: ComparedTime) {
    this.#time = time;
  }

  add(answer: SeenAnswer, truth: AnswerTruth | undefined): void {
    const { cut, failed, readMs, scheduledMs, endedMs } = answer;
    if (truth === undefined) {
      // One that is cut before the server has it was on its way for so long.
      if (cut && this.#counts(scheduledMs)) this.#sending.record(endedMs - scheduledMs);
      if (!cut) this.#wrong++;
      return;
    }
    const { writtenMs } = truth;
    if (failed || readMs.length > writtenMs.length || (!cut && readMs.length < writtenMs.length)) {
      this.#wrong++;
      return;
    }
    this.#first(answer, truth);
    for (let i = 0; i < writtenMs.length; i++) this.#frame(answer, writtenMs, i);
  }

  comparison(): Comparison {
    return {
      ttft: this.#ttft.summary(),
      itl: this.#itl.summary(),
      sending: this.#sending.summary(),
      reading: this.#reading.summary(),
      answers: this.#answers,
      frames: this.#frames,
      wrong: this.#wrong,
    };
  }

  #first({ scheduledMs, endedMs, readMs }: SeenAnswer, { receivedMs, writtenMs }: AnswerTruth): void {
    if (!this.#counts(scheduledMs) || writtenMs.length === 0) return;
    this.#answers++;
    this.#sending.record(Math.max(0, receivedMs - this.#time.beganMs - scheduledMs));
    this.#ttft.add(writtenMs[0] - receivedMs, (readMs[0] ?? endedMs) - scheduledMs);
  }

  #frame({ readMs, endedMs }: SeenAnswer, writtenMs: Float64Array, i: number): void {
    const written = writtenMs[i] - this.#time.beganMs;
    if (!this.#counts(written)) return;
    const read = readMs[i] ?? endedMs;
    this.#frames++;
    this.#reading.record(Math.max(0, read - written));
    // Of two that were never read nothing is known.
    if (i > 0 && i <= readMs.length) this.#itl.add(writtenMs[i] - writtenMs[i - 1], read - readMs[i - 1]);
  }

  #counts(atMs: number): boolean {
    return atMs >= this.#time.fromMs && atMs < this.#time.toMs;
  }
}

class Beside {
  readonly #truth = new Distribution();
  readonly #measured = new Distribution();
  readonly #error = new Distribution();

  add(truth: number, measured: number): void {
    this.#truth.record(truth);
    this.#measured.record(measured);
    this.#error.record(Math.abs(measured - truth));
  }

  summary(): MeasureError {
    return {
      truth: this.#truth.summary(),
      measured: this.#measured.summary(),
      error: this.#error.summary(),
    };
  }
}
