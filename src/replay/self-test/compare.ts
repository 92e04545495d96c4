import { Distribution, type DistributionSummary } from "../measures/distribution.ts";
import type { RequestRecord } from "../request-record.ts";
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
  readonly answers: number;
  readonly frames: number;
  /** Answers that were not seen as they were written: failed, or with another number of frames. */
  readonly wrong: number;
}

/**
 * @param records of answers that count
 * @param beganMs when the replay's clock began, by the server's
 */
export function compare(
  records: readonly RequestRecord[],
  truths: readonly AnswerTruth[],
  beganMs: number,
): Comparison {
  const byId = new Map(truths.map((truth) => [truth.requestId, truth]));
  const [ttft, itl] = [new Beside(), new Beside()];
  const [sending, reading] = [new Distribution(), new Distribution()];
  let [frames, wrong] = [0, 0];
  for (const record of records) {
    const truth = byId.get(record.requestId);
    const { firstTokenMs, ttftMs, itlMs, scheduledMs } = record;
    const written = truth?.writtenMs.length ?? 0;
    if (truth === undefined || firstTokenMs === null || ttftMs === null || itlMs.length + 1 !== written) {
      wrong++;
      continue;
    }
    frames += written;
    sending.record(Math.max(0, truth.receivedMs - beganMs - scheduledMs));
    ttft.add(truth.writtenMs[0] - truth.receivedMs, ttftMs);
    let readMs = beganMs + firstTokenMs;
    reading.record(Math.max(0, readMs - truth.writtenMs[0]));
    for (const [i, gap] of itlMs.entries()) {
      readMs += gap;
      itl.add(truth.writtenMs[i + 1] - truth.writtenMs[i], gap);
      reading.record(Math.max(0, readMs - truth.writtenMs[i + 1]));
    }
  }
  return {
    ttft: ttft.summary(),
    itl: itl.summary(),
    sending: sending.summary(),
    reading: reading.summary(),
    answers: records.length - wrong,
    frames,
    wrong,
  };
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
