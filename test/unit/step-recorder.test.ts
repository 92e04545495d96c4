import { describe, expect, it } from "vitest";
import { noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { fullBatches } from "../../src/twin/full-batches.ts";
import type { StepBatch } from "../../src/twin/step-batch.ts";
import { StepRecorder, replayBatch } from "../../src/twin/step-recorder.ts";

/** So many tokens on each of two ranks, numbered from `first` on; the arrays are longer than the tokens. */
function batch(first: number, ...perRank: readonly [number, number]): StepBatch {
  const tokens = perRank[0] + perRank[1];
  return {
    tokens,
    sources: Int32Array.from({ length: tokens + 5 }, (_, token) => (token < perRank[0] ? 0 : 1)),
    rows: Int32Array.from({ length: tokens + 5 }, (_, token) => first + token),
    work: perRank.map((count) => ({
      ...noAttentionWork(),
      tokens: count,
      decodeContext: count * 10,
      sampled: count,
    })),
    units: perRank.length,
    windows: [],
  };
}

describe("the step recorder", () => {
  it("keeps every step while there is room, as copies", () => {
    const recorder = new StepRecorder(100);
    const reused = batch(0, 3, 2);
    recorder.record(7, reused);
    reused.rows.fill(99);
    reused.work[0].tokens = 99;
    recorder.record(8, batch(10, 0, 4));
    expect(recorder.share).toBe(1);
    expect(recorder.records.map(({ atMs, rows }) => ({ atMs, rows: [...rows] }))).toEqual([
      { atMs: 7, rows: [0, 1, 2, 3, 4] },
      { atMs: 8, rows: [10, 11, 12, 13] },
    ]);
    expect(recorder.records[0].work[0].tokens).toBe(3);
  });

  it("gives back the batch that it was given", () => {
    const recorder = new StepRecorder(100);
    recorder.record(0, batch(5, 3, 2));
    const { sources, rows, ...rest } = replayBatch(recorder.records[0]);
    const given = batch(5, 3, 2);
    expect([...sources]).toEqual([...given.sources.subarray(0, 5)]);
    expect([...rows]).toEqual([...given.rows.subarray(0, 5)]);
    expect(rest).toEqual({ tokens: 5, work: given.work, units: 2, windows: [] });
  });

  it("thins evenly when it is full: at every time, steps 0, s, 2s, … within the bound", () => {
    const recorder = new StepRecorder(60);
    for (let step = 0; step < 1000; step++) {
      recorder.record(step, batch(0, 2, 2));
      const times = recorder.records.map(({ atMs }) => atMs);
      expect(times.length).toBeLessThanOrEqual(15);
      const stride = times.length > 1 ? times[1] : 1;
      expect(times).toEqual(times.map((_, i) => i * stride));
      expect(times[times.length - 1] + stride).toBeGreaterThan(step);
      expect(recorder.share).toBeCloseTo(times.length / (step + 1), 12);
    }
    expect(recorder.records.length).toBeGreaterThan(7);
  });

  it("keeps a step that is larger than the bound rather than nothing", () => {
    const recorder = new StepRecorder(10);
    recorder.record(0, batch(0, 50, 50));
    recorder.record(1, batch(0, 1, 1));
    expect(recorder.records.map(({ atMs }) => atMs)).toEqual([0]);
    expect(recorder.share).toBeCloseTo(100 / 102, 12);
  });

  it("has seen all of nothing", () => {
    const recorder = new StepRecorder(10);
    expect([recorder.records, recorder.share]).toEqual([[], 1]);
  });
});

describe("full batches", () => {
  it("join steps until every rank has its tokens, and deal them out in equal blocks", () => {
    const recorder = new StepRecorder(1000);
    for (const [step, count] of [3, 3, 5, 2, 1].entries()) recorder.record(step, batch(step * 10, count, 1));
    const joined = fullBatches(recorder.records, 3);
    expect(joined.map(({ atMs, rows }) => ({ atMs, rows: [...rows] }))).toEqual([
      { atMs: 0, rows: [0, 1, 2, 3, 10, 11, 12, 13] },
      { atMs: 2, rows: [20, 21, 22, 23, 24, 25] },
    ]);
    expect(joined[0].work).toEqual([
      { ...noAttentionWork(), tokens: 4, decodeContext: 40, sampled: 4 },
      { ...noAttentionWork(), tokens: 4, decodeContext: 40, sampled: 4 },
    ]);
    expect(joined[1].work.map(({ tokens }) => tokens)).toEqual([3, 3]);
  });

  it("leave no token to a rank that there is not", () => {
    const recorder = new StepRecorder(1000);
    recorder.record(0, batch(0, 4, 3));
    const [full] = fullBatches(recorder.records, 2);
    expect(full.work.map(({ tokens }) => tokens)).toEqual([3, 4]);
    expect([...replayBatch(full).sources]).toEqual([0, 0, 0, 1, 1, 1, 1]);
  });
});
