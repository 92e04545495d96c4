import { readFile } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import { SCENARIO_KEYS } from "../../src/config/scenario.ts";
import { chromeTrace } from "../../src/report/chrome-trace.ts";
import { FIDELITY_ERRORS } from "../../src/report/fidelity-errors.ts";
import { gainText } from "../../src/report/html/gain.ts";
import { type PolicyFigures, policyFigures } from "../../src/report/policy-figures.ts";
import { requestTimes } from "../../src/report/request-line.ts";
import { SERIES_HEADER } from "../../src/report/series-row.ts";
import type { VirtualRunResult } from "../../src/twin/run/run-result.ts";
import { madeUpRun } from "../made-up-run.ts";

const level = { ttftMs: 100, tpotMs: 20 };
const NOTHING: VirtualRunResult = {
  virtualMs: 0,
  requests: 0,
  refused: 0,
  failed: 0,
  resent: 0,
  preemptions: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  steps: 0,
  balancedness: null,
  nodeHopsPerToken: null,
  hopsPerToken: null,
  ttftMs: null,
  itlMs: null,
  tpotMs: null,
  e2eMs: null,
  epochs: 1,
  movedSlots: 0,
  tokensPerSecond: null,
  pools: [],
};

describe("a run's log", () => {
  const { log, requests, series, records } = madeUpRun(5, 400, ["prefill", 'de"code'], { level });

  it("has a line for every request, with the names that replay has", () => {
    const lines = requests.map((line) => JSON.parse(line));
    expect(lines.map(({ index }) => index)).toEqual(records.map(({ id }) => id));
    for (const [i, line] of lines.entries()) {
      const { outcome, arrivalMs, firstTokenMs, endMs, outputTokens } = records[i];
      expect(line).toMatchObject({ policy: "plimsoll", outcome, output_len: outputTokens });
      if (outcome === "completed" && firstTokenMs !== null) {
        expect(line.ttft_ms).toBeCloseTo(firstTokenMs - arrivalMs, 2);
        expect(line.e2el_ms).toBeCloseTo(endMs - arrivalMs, 2);
        if (outputTokens > 1)
          expect(line.tpot_ms * (outputTokens - 1)).toBeCloseTo(line.e2el_ms - line.ttft_ms, 0);
        else expect(line.tpot_ms).toBeNull();
      } else expect([line.ttft_ms, line.e2el_ms, line.pool]).toEqual([null, null, null]);
    }
  });

  it("has a row for every window of every pool, whatever the pool is called", () => {
    const width = SERIES_HEADER.split(",").length;
    for (const row of series) expect(row.replace('"de""code"', "decode").split(",")).toHaveLength(width);
    const windows = [...log.pools.values()].flatMap((pool) => pool.windows);
    expect(series).toHaveLength(windows.length);
    expect(series.some((row) => row.includes(",,"))).toBe(true);
  });

  it("counts what was lost by its reason, whatever figures stand in it", () => {
    const { lost, completed } = policyFigures(log, NOTHING, 4);
    const of = (outcome: string) => records.filter((record) => record.outcome === outcome);
    expect(completed).toBe(of("completed").length);
    expect(Object.fromEntries(lost.map(({ outcome, requests: many }) => [outcome, many]))).toEqual({
      failed: of("failed").length,
      refused: of("refused").length,
    });
    expect(lost.map(({ reason }) => reason)).toContain(of("failed")[0].reason);
  });

  it("counts as good what keeps the level, of all that arrived", () => {
    const good = records.map(requestTimes).filter(({ ttftMs, tpotMs }) => {
      return ttftMs !== null && ttftMs <= 100 && (tpotMs === null || tpotMs <= 20);
    }).length;
    expect(good).toBeGreaterThan(50);
    const { goodput } = policyFigures(log, NOTHING, 4);
    expect(goodput).toEqual({ requests: good, share: good / 400, requestsPerSecond: good / 4 });
    expect(policyFigures(log, NOTHING, null).goodput).toBeNull();
  });

  it("leaves out of latencies what arrives before they are measured", () => {
    const late = madeUpRun(5, 400, ["pool"], { level, measuredFromMs: 2000 }).log;
    const after = records.filter(({ arrivalMs, outcome }) => arrivalMs >= 2000 && outcome === "completed");
    expect(late.e2eMs.sorted()).toHaveLength(after.length);
    expect(late.completed).toBe(log.completed);
  });
});

describe("a trace of steps", () => {
  const runs = [
    madeUpRun(6, 100, ["prefill", "decode"], { level: null, mostSpans: 16 }),
    madeUpRun(7, 10, ["prefill", "decode"], { level: null }, { name: "eplb", title: "EPLB" }),
  ];
  const text = [
    ...chromeTrace(
      runs.map(({ log }) => log),
      "demo.yaml",
    ),
  ].join("");
  const { traceEvents, otherData } = JSON.parse(text);

  it("has a process for each policy and pool", () => {
    const names = traceEvents.filter(({ name }: { name: string }) => name === "process_name");
    expect(names.map(({ pid, args }: { pid: number; args: { name: string } }) => [pid, args.name])).toEqual([
      [1, "Plimsoll · prefill"],
      [2, "Plimsoll · decode"],
      [3, "EPLB · prefill"],
      [4, "EPLB · decode"],
    ]);
  });

  it("has all steps, joined where they are many, and says how many it joined", () => {
    const spans = (pid: number) =>
      traceEvents.filter((event: { ph: string; pid: number }) => event.ph === "X" && event.pid === pid);
    expect(spans(1).length).toBeLessThanOrEqual(16);
    const steps = spans(1).map(({ args }: { args: { steps: number } }) => args.steps);
    expect(steps.reduce((sum: number, many: number) => sum + many)).toBe(100);
    expect(otherData.thinned["Plimsoll · prefill"].steps_per_span).toBe(Math.max(...steps));
    expect(spans(3)).toHaveLength(10);
    const [first] = runs[1].steps;
    expect(spans(3)[0].dur).toBeCloseTo(first.ms * 1000, 2);
    expect(otherData.thinned["EPLB · prefill"]).toEqual({
      steps_per_span: 1,
      windows_left_out: 0,
      events_left_out: 0,
    });
  });

  it("has counters without gaps' values, and events in words", () => {
    const counters = traceEvents.filter(({ ph }: { ph: string }) => ph === "C");
    for (const { args } of counters) expect(args.value).toBeTypeOf("number");
    const told = traceEvents.filter(({ ph }: { ph: string }) => ph === "i");
    expect(told).toHaveLength(16);
    expect(told[2]).toMatchObject({ name: "rank-lost", args: { text: "rank 1 is lost" } });
  });
});

describe("what balance gained", () => {
  const summary = (p95: number) => ({ mean: 1, p50: 1, p90: 1, p95, p99: 1 });
  const figures = (name: string, title: string, p95: number, tokensPerSecond: number): PolicyFigures => ({
    ...NOTHING,
    name,
    title,
    completed: 1,
    lost: [],
    goodput: null,
    tokensPerSecond,
    balancedness: 0.5,
    e2eMs: summary(p95),
  });
  const eplb = (p95: number, rate = 100) => figures("eplb", "EPLB, even shares", p95, rate);
  const own = (p95: number, rate = 100) => figures("plimsoll", "Plimsoll", p95, rate);

  it.each([
    [
      "latency",
      [eplb(1200), own(900)],
      "Plimsoll answers 95 % of requests in full within 900 ms where EPLB takes 1,200 ms. ",
    ],
    [
      "tokens",
      [eplb(1200), own(900, 130)],
      "Plimsoll carries 130 tokens/s where EPLB carries 100. It answers 95 %",
    ],
    ["hardly anything", [eplb(901), own(900)], "Balance hardly shows in these latencies: Plimsoll answers"],
    [
      "nothing",
      [eplb(800), own(900)],
      "Plimsoll is not the fastest here: it answers 95 % of requests in full within 900 ms where EPLB takes 800 ms. ",
    ],
    ["time in one unit", [eplb(12_000), own(9000)], "within 9.00 s where EPLB takes 12.00 s."],
    [
      "requests that kept what they had to",
      [
        { ...eplb(1200), goodput: { requests: 7, share: 0.7, requestsPerSecond: 1 } },
        { ...own(900), goodput: { requests: 9, share: 0.9, requestsPerSecond: 1 } },
      ],
      "EPLB takes 1,200 ms. Requests that kept the SLO: Plimsoll 90.0 % and EPLB 70.0 %. Balancedness: ",
    ],
    ["one by itself", [eplb(800)], "EPLB answers 95 % of requests in full within 800 ms, and was run alone."],
    ["no answer", [{ ...own(1), completed: 0 }], "No request was completed."],
    [
      "fewer tokens",
      [eplb(900, 130), own(900)],
      "Plimsoll does not carry the most here: it carries 100 tokens/s where EPLB carries 130. ",
    ],
    [
      "of some requests only",
      [
        { ...eplb(800), requests: 9, completed: 0 },
        { ...own(900), requests: 9, completed: 3 },
      ],
      "Requests completed: EPLB 0 of 9 and Plimsoll 3 of 9; times are of these alone. Plimsoll answers",
    ],
    ["few requests", [eplb(1200), own(900)], "With 1 completed request, small differences may be chance."],
  ])("is said where it is %s", (_, all, text) => {
    expect(gainText(all).replaceAll("\u00a0", " ")).toContain(text);
  });

  it("says nothing of loss or chance where every one of many requests was completed", () => {
    const many = [eplb(1200), own(900)].map((one) => ({ ...one, requests: 100, completed: 100 }));
    expect(gainText(many)).toMatch(/^Plimsoll answers.*Balancedness: Plimsoll 0\.500 and EPLB 0\.500\.$/);
  });
});

test("docs/twin.md has the differences between fidelities that a report shows", async () => {
  const page = (await readFile(new URL("../../docs/twin.md", import.meta.url), "utf8")).replaceAll("**", "");
  const percent = ({ median, most }: { median: number; most: number }) =>
    `${(100 * median).toFixed(1)} % (${(100 * most).toFixed(1)} %)`;
  const { sampled, analytic } = FIDELITY_ERRORS;
  for (const [what, error] of Object.entries(sampled))
    expect(page).toContain(`| ${what} | ${percent(error)} | ${percent(analytic[what])} |`);
});

test("docs/simulate.md names every key of a scenario, figure, field and column", async () => {
  const page = await readFile(new URL("../../docs/simulate.md", import.meta.url), "utf8");
  const { log, requests } = madeUpRun(5, 1);
  const names = [
    ...SCENARIO_KEYS,
    ...Object.keys(policyFigures(log, NOTHING, null)),
    ...Object.keys(JSON.parse(requests[0])),
    ...SERIES_HEADER.split(","),
  ];
  expect(names.length).toBeGreaterThan(70);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
