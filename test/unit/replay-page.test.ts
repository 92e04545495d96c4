import { describe, expect, it } from "vitest";
import { runPage } from "../../src/cli/replay/page/run-page.ts";
import { RequestSpreads } from "../../src/replay/report/other-tools/request-spreads.ts";
import type { ReplayReport } from "../../src/replay/report/report.ts";
import type { RequestFigures } from "../../src/replay/report/request-figures.ts";
import { RunWindows } from "../../src/replay/report/run-windows.ts";
import { requestFigures } from "../compared-runs.ts";

const REPORT: ReplayReport = {
  trace: "<b>.csv",
  url: "http://127.0.0.1:8000/",
  started_at: "2026-11-30T12:00:00.000Z",
  ended_at: "2026-11-30T12:00:04.000Z",
  partial: null,
  sent: 4,
  completed: 3,
  failed: 1,
  duration: 4,
  request_throughput: 0.75,
  output_throughput: 3.75,
  p50_ttft_ms: 50,
  p99_ttft_ms: 60,
  goodput_targets_ms: { ttft: 55, tpot: null, e2el: null },
  request_goodput: 0.5,
  goodput_rate: 0.5,
  failures: { http_503: 1 },
  error_texts: { "<script>": 1 },
  thresholds: [{ threshold: "p95_ttft_ms<1", value: 60, met: false }],
  client: {
    valid: false,
    why: ["it stood still once for up to 300 ms while streams were open"],
    max_loop_lateness_ms: 300,
  },
};
const REQUESTS = [
  requestFigures({ ttftMs: 50, endedMs: 100 }),
  requestFigures({ index: 1, scheduledMs: 1000, sentMs: 1000, endedMs: 3000, ttftMs: 60, e2eMs: 2000 }),
  requestFigures({ index: 2, scheduledMs: 3900, sentMs: 3900, endedMs: 3990 }),
  requestFigures({
    index: 3,
    scheduledMs: 1000,
    sentMs: 1000,
    endedMs: 2500,
    error: "http_503",
    ttftMs: null,
  }),
];

function pageOf(report: ReplayReport, requests: readonly RequestFigures[]): string {
  const spreads = new RequestSpreads();
  const windows = new RunWindows(0, 4000, 4, { ttftMs: 55, tpotMs: null, e2eMs: null });
  for (const request of requests) {
    spreads.add(request);
    windows.add(request);
  }
  return runPage(report, spreads, windows);
}

describe("a run's windows", () => {
  it("count sends, failures, what is in flight, and good requests", () => {
    const windows = new RunWindows(0, 4000, 4, { ttftMs: 55, tpotMs: null, e2eMs: null });
    for (const request of REQUESTS) windows.add(request);
    const all = windows.windows();
    expect(all.map(({ sent }) => sent)).toEqual([1, 2, 0, 1]);
    expect(all.map(({ failed }) => failed)).toEqual([0, 0, 1, 0]);
    expect(all.map(({ inFlight }) => inFlight)).toEqual([0.1, 2, 1.5, 0.09]);
    expect(all.map(({ good }) => good)).toEqual([1, 0, null, 1]);
    expect(all.map(({ ttftP95 }) => (ttftP95 === null ? null : Math.round(ttftP95)))).toEqual([
      50,
      60,
      null,
      50,
    ]);
  });

  it("put requests of later steps where the wall clock has them", () => {
    const windows = new RunWindows(1000, 5000, 4, null);
    windows.add(requestFigures({ beganAt: 3500 }));
    expect(windows.windows().map(({ sent }) => sent)).toEqual([0, 0, 1, 0]);
  });
});

describe("the page of a run", () => {
  it("says first what came out, and that it is not valid", () => {
    const page = pageOf(REPORT, REQUESTS);
    expect(page).toMatch(
      /<p class="lead">3 of 4 requests completed in 4\.0 s: [^<]*Not valid: the client fell behind\.<\/p>/,
    );
    expect(page).toContain("it stood still once for up to 300 ms");
  });

  it("has every chart, the targets, the failures and the thresholds", () => {
    const page = pageOf(REPORT, REQUESTS);
    const titles = [...page.matchAll(/<figcaption><strong>([^<]*)/g)].map(([, title]) => title);
    expect(titles).toEqual([
      "Time to first token",
      "Between tokens",
      "Time per output token",
      "Time to last token",
      "Requests sent",
      "In flight",
      "Time to first token",
      "Failures",
      "Good requests",
      "Failures by reason",
    ]);
    expect(page).toContain("ttft ≤ 55.0 ms");
    expect(page).toContain("MISSED");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("shows others' words as text, and loads nothing", () => {
    const page = pageOf(REPORT, REQUESTS);
    expect(page).toContain("&lt;script&gt;");
    expect(page).toContain("&lt;b&gt;.csv");
    expect(page).not.toMatch(/<script|src=|href=/);
  });

  it("is a page where nothing completed, and says that the run is partial", () => {
    const nothing = { ...REPORT, completed: 0, partial: "interrupted", p50_ttft_ms: null, p99_ttft_ms: null };
    const page = pageOf(nothing, []);
    expect(page).toContain("The run is partial: interrupted.");
    expect(page).toContain("No request completed.");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("the page of a load curve", () => {
  const step = (load: number, ttft: number | null): ReplayReport => ({
    step_load: load,
    verdict: ttft === null ? "lost" : "held",
    request_throughput: load,
    request_goodput: load / 2,
    output_throughput: load * 5,
    p50_ttft_ms: ttft,
    p99_ttft_ms: ttft,
    p50_tpot_ms: 10,
    p99_tpot_ms: 12,
    failed: 0,
  });

  it("draws figures by load, with the highest that was held", () => {
    const report = {
      ...REPORT,
      sweep: "rate",
      max_load: 10,
      steps: [step(20, null), step(5, 40), step(10, 60)],
    };
    const page = pageOf(report, REQUESTS);
    expect(page).toContain("3 loads, one after the other. The highest load that held its targets: 10.0.");
    expect(page).toMatch(/held: 10\.0/);
    expect([...page.matchAll(/<th scope="row">([\d.]+)<\/th>/g)].slice(0, 3).map(([, load]) => load)).toEqual(
      ["5.00", "10.00", "20.00"],
    );
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });
});

it("has what happened to the server as lines in every chart over time, and as a table", () => {
  const events = [
    { done_at_s: 1.5, pool: "demo", event: "GPU <3> stops", error: null },
    { done_at_s: 2, pool: "demo", event: "GPU 3 starts again", error: "nobody there" },
  ];
  const charts = (page: string) => page.match(/class="mark" d="M225 0/g)?.length ?? 0;
  const page = pageOf({ ...REPORT, scenario: { title: "A try" }, events }, REQUESTS);
  expect([charts(pageOf(REPORT, REQUESTS)), charts(page)]).toEqual([0, 5]);
  expect(page).toContain("GPU &lt;3&gt; stops");
  expect(page.match(/class="mark-label"[^>]*>[12]</g)).toHaveLength(10);
  expect(page).toMatch(/>1<\/th><td[^>]*>1\.5 s<\/td>.*?done<\/td>/s);
  expect(page).toMatch(/>2<\/th><td[^>]*>2\.0 s<\/td>.*?nobody there<\/td>/s);
  expect(page).toContain("A try");
});
