import { describe, expect, it } from "vitest";
import { aimMet, tableText } from "../../loadtest/bench/bench-table.ts";
import { CELLS, rateOf } from "../../loadtest/bench/replay/cells.ts";
import { errorPercent, FIGURES, type Figures, truthOf } from "../../loadtest/bench/replay/figures.ts";
import { latenessOf } from "../../loadtest/bench/replay/lateness.ts";
import { madeTrace, traceText } from "../../loadtest/bench/replay/made-trace.ts";
import { medianFigures } from "../../loadtest/bench/replay/medians.ts";
import { percentileOf } from "../../loadtest/bench/replay/percentiles.ts";
import { plimsollReplay } from "../../loadtest/bench/replay/plimsoll-replay.ts";
import { replayTables } from "../../loadtest/bench/replay/replay-tables.ts";
import { seenErrors } from "../../loadtest/bench/replay/seen-errors.ts";
import { childrenSeconds } from "../../loadtest/bench/replay/shell-times.ts";
import type { ToolRun } from "../../loadtest/bench/replay/tool-run.ts";
import type { AnswerTruth } from "../../src/replay/self-test/timed-mock.ts";
import { readText } from "../trace-reading.ts";

const [LOW] = CELLS;

/** An answer that was asked for at that time, and whose frames were written so long afterwards. */
function answer(row: number, receivedMs: number, ...writtenMs: number[]): AnswerTruth {
  return {
    requestId: `r-${row}`,
    row,
    receivedMs,
    writtenMs: Float64Array.from(writtenMs, (ms) => receivedMs + ms),
    whole: true,
  };
}

/** TTFT 100 and 200, gaps 10, 20 and 40, TPOT 15 and 40; 2 answers and 5 frames in 400 ms. */
const ANSWERS = [answer(0, 1000, 100, 110, 130), answer(1, 1160, 200, 240)];

const EVERY = (value: number | null) =>
  Object.fromEntries(FIGURES.map((figure) => [figure, value])) as Figures;

function run(changes: Partial<ToolRun> = {}): ToolRun {
  return {
    wallMs: 2000,
    firstRequestMs: 500,
    cpuSeconds: 2,
    cpuPerFrameUs: 30,
    peakBytes: 1 << 20,
    measured: EVERY(101),
    truth: EVERY(100),
    requests: 10,
    completed: 10,
    failed: 0,
    errors: { ttft: null, itl: null, otherwise: 0 },
    late: { p50: 1, p99: 2 },
    mockWaited: null,
    doubts: [],
    ...changes,
  };
}

describe("the side-by-side's own arithmetic", () => {
  it("takes percentiles as each tool does", () => {
    const values = Float64Array.of(1, 2, 3, 10);
    expect([50, 75, 99, 100].map((p) => percentileOf(values, p, "nearest rank"))).toEqual([2, 3, 10, 10]);
    expect([0, 50, 75, 100].map((p) => percentileOf(values, p, "interpolated"))).toEqual([1, 2.5, 4.75, 10]);
    expect(percentileOf(Float64Array.of(7), 99, "interpolated")).toBe(7);
  });

  it("knows what a tool would have said that adds nothing", () => {
    const nearest = truthOf(ANSWERS, "nearest rank");
    expect(nearest).toMatchObject({ "TTFT p50": 100, "TTFT p99": 200, "ITL p50": 20, "ITL p99": 40 });
    expect(nearest).toMatchObject({ "TPOT p50": 15, "TPOT p99": 40, "requests/s": 5, "tokens/s": 12.5 });
    expect(nearest["TTFT from the schedule p95"]).toBe(nearest["TTFT p95"]);
    expect(truthOf(ANSWERS, "interpolated")).toMatchObject({ "TTFT p50": 150, "TPOT p50": 27.5 });
    expect(truthOf([answer(0, 0, 5)], "interpolated")).toMatchObject({ "ITL p50": null, "TPOT p99": null });
    expect(() => truthOf([], "interpolated")).toThrow("answered nothing");
  });

  it("says errors in per cent of the truth, with their sign", () => {
    expect(errorPercent(98, 100)).toBeCloseTo(-2, 9);
    expect(errorPercent(null, 100)).toBeNull();
    const runs = [101, 103, 99.5].map((value) => run({ measured: EVERY(value) }));
    expect(medianFigures(runs)["ITL p99"]).toMatchObject({ measured: 101, error: 1, worst: 3 });
    expect(medianFigures([])["ITL p99"]).toEqual({ measured: null, error: null, worst: null });
  });

  it("holds single values against those of the same request, and counts what was seen otherwise", () => {
    const seen = [
      { requestId: "r-1", ttftMs: 203, gapsMs: [39.5] },
      { requestId: "r-0", ttftMs: 99, gapsMs: [10, 22] },
    ];
    const { ttft, itl, otherwise } = seenErrors(seen, ANSWERS);
    expect([ttft?.count, ttft?.min, ttft?.max]).toEqual([2, 1, 3]);
    expect([itl?.count, itl?.max, otherwise]).toEqual([3, 2, 0]);
    expect(seenErrors([{ ...seen[0], gapsMs: [] }], ANSWERS)).toMatchObject({ otherwise: 2, ttft: null });
  });

  it("counts lateness from the request that came earliest by the trace's clock", () => {
    const rows = [0, 150].map((arrivalMs) => ({ arrivalMs, text: "", outputTokens: 1 }));
    expect([...latenessOf(rows, ANSWERS)]).toEqual([0, 10]);
  });

  it("reads what a shell says of its children's time, and refuses anything else", () => {
    expect(childrenSeconds("0m0.01s 0m0.02s\n1m2.50s 0m0.75s\n")).toBeCloseTo(63.25, 9);
    expect(() => childrenSeconds("0m0.01s 0m0.02s\n")).toThrow("four times");
  });

  it("makes the same trace of a seed, at the load's rate, which replay reads as it was made", () => {
    const rows = madeTrace(LOW, 100, 1);
    expect(madeTrace(LOW, 100, 1)).toEqual(rows);
    expect(rows.length / 100 / rateOf(LOW)).toBeCloseTo(1, 1);
    const { requests } = readText(traceText(rows));
    expect(
      requests.map(({ arrivalMs, prompt, outputTokens }) => ({ arrivalMs, text: prompt, outputTokens })),
    ).toEqual(rows);
  });
});

describe("the side-by-side's tables", () => {
  const peer = { ...plimsollReplay, name: "peer" };
  const nearer = run({
    measured: { ...EVERY(100.5), "TTFT from the schedule p50": null },
    cpuPerFrameUs: 60,
  });
  const tables = replayTables([
    { cell: LOW, tool: plimsollReplay, runs: [run({ doubts: ["it was late"] }), run()], broken: [] },
    { cell: LOW, tool: peer, runs: [nearer], broken: ["exit code 3"] },
  ]);

  it("hold every figure of ours to the bound, and say where the other is nearer or takes less", () => {
    const [aim] = tables.figures.aims;
    expect([tables.figures.aims.length, aimMet(aim), aim.measured]).toEqual([1, true, 1]);
    const far = [run({ measured: { ...EVERY(100), "TPOT p99": 97 } })];
    const [missed] = replayTables([{ cell: LOW, tool: plimsollReplay, runs: far, broken: [] }]).figures.aims;
    expect([missed.what, aimMet(missed)]).toEqual([expect.stringContaining("TPOT p99"), false]);
    const notes = tables.costs.notes.join("\n");
    expect(notes).toContain("1 of 2 runs are not valid by replay itself, the first since it was late");
    expect(notes).toContain("a run of peer has no figures: exit code 3");
    const lost = tables.costs.notes.find((note) => note.startsWith("Lost to peer, low: ")) ?? "";
    expect(lost).toContain("ITL p99 (1.00 % against 0.50 %)");
    expect(lost).not.toContain("schedule p50");
    expect(lost).not.toContain("CPU");
  });

  it("show what a tool does not say as nothing", () => {
    const row = tables.figures.rows.find(([, figure]) => figure === "TTFT from the schedule p50") ?? [];
    expect(row.slice(2)).toEqual([101, 1, 1, null, null, null]);
    expect(tables.costs.rows.map((cells) => cells.length)).toEqual(
      tables.costs.rows.map(() => tables.costs.columns.length),
    );
    expect(tableText(tables.costs)).toContain("| low  | peer   |    1 |");
  });
});
