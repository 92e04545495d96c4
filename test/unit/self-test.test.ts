import { describe, expect, it } from "vitest";
import { compare } from "../../src/replay/self-test/compare.ts";
import type { CoreUse } from "../../src/replay/self-test/core-use.ts";
import {
  isRight,
  type SelfTestStep,
  selfVerdict,
  waitingPart,
} from "../../src/replay/self-test/self-verdict.ts";
import type { AnswerTruth } from "../../src/replay/self-test/timed-mock.ts";
import { replayRecord } from "../replay-record.ts";

const BEGAN_MS = 5000;

/** What the record of a request says that was sent at 10, had its first token at 60 and four more, by the mock. */
function truth(changes: Partial<AnswerTruth> = {}): AnswerTruth {
  return {
    requestId: "plimsoll-1-0",
    row: 0,
    receivedMs: BEGAN_MS + 11,
    writtenMs: new Float64Array([59, 69, 79, 88, 99].map((ms) => BEGAN_MS + ms)),
    ...changes,
  };
}

const record = replayRecord({ scheduledMs: 10, firstTokenMs: 60, ttftMs: 50, itlMs: [10, 10, 10, 10] });

function step(streams: number, changes: Partial<SelfTestStep> = {}): SelfTestStep {
  const read = { answers: 1, frames: 5 };
  return {
    streams,
    read,
    ...compare([record], [truth()], BEGAN_MS),
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
  return step(streams, { ...compare([record], [late], BEGAN_MS), client: core(waitedMs) });
}

describe("the self-test", () => {
  it("holds what was seen against what was written", () => {
    const { ttft, itl, sending, reading, answers, frames, wrong } = compare([record], [truth()], BEGAN_MS);
    expect({ answers, frames, wrong }).toEqual({ answers: 1, frames: 5, wrong: 0 });
    expect([ttft.truth?.max, ttft.measured?.max, ttft.error?.max]).toEqual([48, 50, 2]);
    expect([itl.truth?.min, itl.truth?.max, itl.error?.max]).toEqual([9, 11, 1]);
    expect(sending?.max).toBe(1);
    expect([reading?.min, reading?.max]).toEqual([1, 2]);
  });

  it("counts answers that were not seen as they were written", () => {
    const short = truth({ writtenMs: truth().writtenMs.subarray(1) });
    expect(compare([record], [short], BEGAN_MS)).toMatchObject({ wrong: 1, answers: 0 });
    expect(compare([record], [], BEGAN_MS)).toMatchObject({ wrong: 1, answers: 0 });
    expect(isRight(compare([], [], BEGAN_MS))).toBe(false);
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
