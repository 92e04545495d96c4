import { describe, expect, test } from "vitest";
import { SHADES } from "../../src/dashboard/experts/colour-scale.ts";
import { emptyGpus } from "../../src/dashboard/experts/placed-experts.ts";
import { gpuCosts, mostWaitedFor, roomOf } from "../../src/dashboard/gpus/gpu-cost.ts";
import { gpuPicture, measuresOf } from "../../src/dashboard/gpus/gpu-measures.ts";
import { emptyText, gpuText } from "../../src/dashboard/gpus/gpu-text.ts";
import { poolReport } from "./pool-report-fixture.ts";
import { poolState } from "./pool-state-fixture.ts";

const REPORT = poolReport({
  gpuLoad: [1.1, 0.9],
  gpuHolds: [0.05, 0.2],
  gpuPeak: [
    { layer: 0, timesMean: 1.2 },
    { layer: 0, timesMean: 1.8 },
  ],
});

const SCALE = { mean: 1000, end: 2000 };

describe("GPUs", () => {
  test("are judged by what steps wait for, not by their load over all layers", () => {
    const costs = gpuCosts(REPORT, null, []);
    expect(mostWaitedFor(costs)?.gpu).toBe(1);
    expect(mostWaitedFor([])).toBeNull();
    expect(mostWaitedFor(costs.map((cost) => ({ ...cost, holds: 0 })))?.gpu).toBe(0);
  });

  test("that are in service and hold nothing are named", () => {
    const placed = { epoch: 1, slotsPerGpu: 2, map: [[0, 1, -1, -1, 0, 1]], shares: [] };
    expect(emptyGpus(placed)).toEqual([false, true, false]);
    const costs = (lost: boolean) =>
      [0, 1, 2].map((gpu) => ({ gpu, state: lost && gpu === 1 ? ("lost" as const) : ("live" as const) }));
    expect(emptyText(costs(false), emptyGpus(placed))).toBe(
      "GPU 1 is in service, and has no expert in the placement in force.",
    );
    expect(emptyText(costs(true), emptyGpus(placed))).toBeNull();
    expect(emptyText(costs(false), [true, true, false])).toMatch(/^GPUs 0, 1 are in service/);
    expect(emptyText(costs(false), [])).toBeNull();
  });

  test("are told with their fullest layer, what a step takes longer for them, and their rank", () => {
    const [, second] = gpuCosts(REPORT, null, []);
    expect(gpuText(second, REPORT, [3], null)).toBe(
      "GPU 1 on node 0: 0.90 × the mean over all layers · 1.80 × in layer 3 · a step takes 20.0 % longer for it",
    );
    const [first] = gpuCosts(REPORT, null, []);
    expect(gpuText(first, REPORT, [], null)).toContain("1.20 × in row 0");
    expect(gpuText(first, REPORT, [], 1000)).toContain(
      "1.10 × the mean over all layers · 1,100 tokens/s in a layer · ",
    );
    expect(gpuText(first, REPORT, [], null)).toContain("1 running, 0 waiting, KV cache 50 %");
  });

  test("that are lost, or stopped a moment ago, are told so, and nothing of their load", () => {
    const condition = poolState({ lost: [{ rank: 0, how: "silent" }], draining: [1] });
    const costs = gpuCosts(REPORT, condition, []);
    expect(costs.map(({ state }) => state)).toEqual(["lost", "draining"]);
    expect(gpuText(costs[0], REPORT, [], null)).toBe("GPU 0 on node 0, lost");
    expect(gpuText(costs[1], REPORT, [], null)).toMatch(/^GPU 1 on node 0, to be drained: 0\.90/);
    expect(gpuCosts(REPORT, null, [1])[1].state).toBe("lost");
  });

  test("of a leader that says less are shown with what it says", () => {
    const costs = gpuCosts({ ...REPORT, gpuHolds: [], gpuPeak: [] }, null, []);
    expect(costs.map(({ holds, peak }) => [holds, peak.timesMean])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});

describe("the picture of GPUs", () => {
  const ranks = [
    { running: 3, waiting: 0, kvUse: 0.5 },
    { running: 5, waiting: 40, kvUse: 0.95 },
  ];
  const picture = (...given: [Parameters<typeof gpuPicture>[0], number | null, number | null]) =>
    gpuPicture(given[0], gpuCosts(REPORT, null, []), { ...REPORT, ranks }, given[1], given[2], SCALE);

  test("of load has what each has, what it costs on top, its fullest layer, the step and the load line", () => {
    const { marks, lines, end } = picture("load", 1.3, 1.25);
    expect(marks.map(({ value, extra, tick }) => [value, extra, tick])).toEqual([
      [1.1, 0.05, 1.2],
      [0.9, 0.2, 1.8],
    ]);
    expect(lines).toEqual([
      { kind: "mean", at: 1, label: "mean", past: false },
      { kind: "step", at: 1.3, label: "step 1.30 ×", past: true },
      { kind: "limit", at: 1.25, label: "line 1.25 ×", past: true },
    ]);
    expect(end).toBeGreaterThan(1.3);
    expect(picture("load", null, null).lines).toHaveLength(1);
    expect(picture("load", 1.2, 1.25).lines.some(({ past }) => past)).toBe(false);
  });

  test("of tokens has what each receives, on a scale with its end and its unit", () => {
    const { marks, lines, end } = picture("tokens", 1.3, 1.25);
    expect(marks.map(({ value }) => value)).toEqual([1100, 900]);
    expect([end, lines.map(({ label }) => label)]).toEqual([2000, ["mean 1,000", "2,000/s"]]);
  });

  test("of activated experts is against the slots there are, and says where it is an estimate", () => {
    const read = { ...REPORT, topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 8 } };
    const activated = { perGpu: [2, 6], estimated: true };
    const report = { ...read, activated };
    const costs = gpuCosts(report, null, []);
    const { marks, lines, end } = gpuPicture("activated", costs, report, 1.3, 1.25, SCALE);
    expect(marks.map(({ value, extra }) => [value, extra])).toEqual([
      [2, 0],
      [6, 0],
    ]);
    expect([lines, end]).toEqual([[{ kind: "mean", at: 4, label: "mean 4.0", past: false }], 8]);
    const text = "6.0 of 8 experts activated in a step";
    expect(gpuText(costs[1], report, [], null)).toContain(`${text}, as expected of counts`);
    expect(gpuText(costs[1], { ...report, activated: { ...activated, estimated: false } }, [], null)).toMatch(
      new RegExp(`${text}$`),
    );
    const chosen = (topk: number, of: Parameters<typeof measuresOf>[0]) =>
      measuresOf({ ...of, topk }).flatMap(({ value, disabled }) => (disabled ? [] : value));
    expect(chosen(0, { ...report, ranks: [] })).toEqual(["load", "activated"]);
    expect(chosen(8, { ...report, activated: null })).toEqual(["load", "tokens", "kv", "waiting", "running"]);
  });

  test("of caches and queues has the ranks' own figures, and says which cache is nearly full", () => {
    const kv = picture("kv", 1.3, 1.25);
    expect(kv.marks.map(({ value, stands }) => [value, stands])).toEqual([
      [0.5, false],
      [0.95, true],
    ]);
    expect(kv.end).toBe(1);
    const waiting = picture("waiting", 1.3, 1.25);
    expect([waiting.end, waiting.marks[1].shade, waiting.lines[0].label]).toEqual([
      40,
      SHADES - 1,
      "mean 20.0",
    ]);
    expect(picture("running", 1.3, 1.25).end).toBe(10);
  });
});

test("room is what is left to the load line", () => {
  expect(roomOf(1, 1.25)).toBe(0.25);
  expect(roomOf(2, 1.5)).toBe(-0.25);
  expect(roomOf(null, 1.25)).toBeNull();
});
