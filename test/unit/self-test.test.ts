import { describe, expect, it } from "vitest";
import { CANCELLED } from "../../src/replay/request-record.ts";
import { type ComparedTime, type Comparison, compare } from "../../src/replay/self-test/compare.ts";
import type { CoreUse } from "../../src/replay/self-test/core-use.ts";
import { framePace } from "../../src/replay/self-test/frame-pace.ts";
import { seenAnswer } from "../../src/replay/self-test/seen-answer.ts";
import {
  isRight,
  type SelfTestStep,
  selfVerdict,
  waitingPart,
} from "../../src/replay/self-test/self-verdict.ts";
import type { AnswerTruth } from "../../src/replay/self-test/timed-mock.ts";
import { replayRecord } from "../replay-record.ts";

const BEGAN_MS = 5000;
const ALL: ComparedTime = { beganMs: BEGAN_MS, fromMs: 0, toMs: 1000 };

/** What the record of a request says that was sent at 10, had its first token at 60 and four more, by the mock. */
function truth(changes: Partial<AnswerTruth> = {}): AnswerTruth {
  return {
    requestId: "plimsoll-1-0",
    row: 0,
    receivedMs: BEGAN_MS + 11,
    writtenMs: new Float64Array([59, 69, 79, 88, 99].map((ms) => BEGAN_MS + ms)),
    whole: true,
    ...changes,
  };
}

const TIMES = { scheduledMs: 10, firstTokenMs: 60, ttftMs: 50, itlMs: [10, 10, 10, 10], endedMs: 101 };
const record = replayRecord(TIMES);
/** Of the same that was cut behind its third token. */
const cut = replayRecord({ ...TIMES, itlMs: [10, 10], failure: CANCELLED });

function compared(
  seen: readonly ReturnType<typeof replayRecord>[],
  truths: readonly AnswerTruth[],
  time: Partial<ComparedTime> = {},
): Comparison {
  return compare(seen.map(seenAnswer), truths, { ...ALL, ...time });
}

function step(streams: number, changes: Partial<SelfTestStep> = {}): SelfTestStep {
  const read = { answers: 1, frames: 5 };
  return {
    streams,
    gapMs: 20,
    framesPerSecond: 5,
    read,
    ...compared([record], [truth()]),
    client: core(0),
    mock: core(0),
    ...changes,
  };
}

function core(waitedMs: number | null): CoreUse {
  return { elapsedMs: 1000, cpuMs: 100, waitedMs };
}

/** Off by more than may be. */
function wrongStep(streams: number, waitedMs: number | null): SelfTestStep {
  const late = truth({ writtenMs: truth().writtenMs.map((ms, i) => ms - 10 * i) });
  return step(streams, { ...compared([record], [late]), client: core(waitedMs) });
}

describe("the self-test", () => {
  it("holds what was seen against what was written", () => {
    const { ttft, itl, sending, reading, answers, frames, wrong } = compared([record], [truth()]);
    expect({ answers, frames, wrong }).toEqual({ answers: 1, frames: 5, wrong: 0 });
    expect([ttft.truth?.max, ttft.measured?.max, ttft.error?.max]).toEqual([48, 50, 2]);
    expect([itl.truth?.min, itl.truth?.max, itl.error?.max]).toEqual([9, 11, 1]);
    expect(sending?.max).toBe(1);
    expect([reading?.min, reading?.max]).toEqual([1, 2]);
  });

  it("counts answers that were not seen as they were written", () => {
    const short = truth({ writtenMs: truth().writtenMs.subarray(1) });
    const failed = replayRecord({ ...TIMES, failure: "ECONNRESET" });
    expect(compared([record], [short])).toMatchObject({ wrong: 1, answers: 0 });
    expect(compared([record], [])).toMatchObject({ wrong: 1, answers: 0 });
    expect(compared([failed], [truth()])).toMatchObject({ wrong: 1, answers: 0 });
    expect(compared([cut], [truth({ writtenMs: truth().writtenMs.subarray(0, 2) })])).toMatchObject({
      wrong: 1,
    });
    expect(isRight(compared([], []))).toBe(false);
  });

  it("counts what is begun and written in its time, whichever answers it is of", () => {
    const early = compared([record], [truth()], { fromMs: 65, toMs: 90 });
    expect(early).toMatchObject({ answers: 0, frames: 3, wrong: 0 });
    expect([early.ttft.error, early.itl.truth?.count, early.reading?.count]).toEqual([null, 3, 3]);
    expect(compared([record], [truth()], { toMs: 10 })).toMatchObject({ answers: 0, frames: 0, wrong: 0 });
  });

  it("takes what was never read of a cut answer as read at its end", () => {
    const { frames, wrong, itl, reading } = compared([cut], [truth()]);
    expect({ frames, wrong }).toEqual({ frames: 5, wrong: 0 });
    // The fourth was written at 88 and the third read at 80; before the fifth nothing was read.
    expect([itl.truth?.count, itl.measured?.max, reading?.max]).toEqual([3, 21, 13]);
    const unread = replayRecord({
      ...TIMES,
      firstTokenMs: null,
      ttftMs: null,
      itlMs: [],
      failure: CANCELLED,
    });
    expect(compared([unread], [truth()]).ttft.error?.max).toBe(91 - 48);
    expect(compared([unread], []).sending?.max).toBe(91);
  });

  it("writes no more than 20,000 frames a second, however many streams there are", () => {
    for (const streams of [1, 32, 400, 401, 512, 2000, 10_000])
      expect((streams * 1000) / framePace(streams).gapMs).toBeLessThanOrEqual(20_000 * (1 + 1e-9));
    expect(framePace(32)).toEqual({ gapMs: 20, settleMs: 1000 });
    expect(framePace(2000)).toEqual({ gapMs: 100, settleMs: 5000 });
  });

  it("passes as far as times are right from the least load on", () => {
    expect(selfVerdict([step(1), step(2), wrongStep(4, 0), step(8)], false)).toEqual({
      kind: "pass",
      streams: 2,
    });
  });

  it("tells a busy machine from a wrong tool", () => {
    expect(selfVerdict([wrongStep(1, 300)], false)).toEqual({ kind: "busy" });
    expect(selfVerdict([wrongStep(1, 0)], true)).toEqual({ kind: "fail" });
    const unknown = { ...wrongStep(1, null), mock: core(null) };
    expect(waitingPart(unknown)).toBeNull();
    expect(selfVerdict([unknown], true)).toEqual({ kind: "busy" });
    expect(selfVerdict([unknown], false)).toEqual({ kind: "fail" });
    expect(selfVerdict([{ ...wrongStep(1, 300), wrong: 1 }], true)).toEqual({ kind: "fail" });
    expect(selfVerdict([], true)).toEqual({ kind: "fail" });
  });
});
