import { decimals, milliseconds } from "../../../lib/number-text.ts";
import type { RequestSpreads } from "../../../replay/report/other-tools/request-spreads.ts";
import { goodputOf, numberIn, textIn } from "../../../replay/report/report-value.ts";
import type { ReplayReport } from "../../../replay/report/report.ts";
import type { RunWindows } from "../../../replay/report/run-windows.ts";
import { type Chart, chartHtml } from "../../../report/html/chart.ts";
import { documentHtml, panelHtml, section } from "../../../report/html/document.ts";
import { escaped } from "../../../report/html/escape.ts";
import { curveCharts, curveTable, stepsOf } from "./curve-charts.ts";
import { latencyCharts } from "./latency-charts.ts";
import { eventMarks, eventTable } from "./run-events.ts";
import { clientTable, errorTextTable, failureBars, latencyTable, thresholdTable } from "./run-tables.ts";
import { timeCharts } from "./time-charts.ts";

/**
 * A run, or a load curve, as one HTML file that needs no network.
 * @param spreads of a run; null of a curve
 */
export function runPage(report: ReplayReport, spreads: RequestSpreads | null, windows: RunWindows): string {
  const steps = stepsOf(report);
  const goodput = goodputOf(report);
  const events = eventTable(report);
  return documentHtml({
    title: "Plimsoll: a load test",
    heading: steps.length > 0 ? "A load curve" : "A load test",
    lead: steps.length > 0 ? curveLead(report, steps) : runLead(report),
    identity: identity(report),
    parts: [
      steps.length > 0
        ? section("By load", [charts(curveCharts(report, steps)), panelHtml(curveTable(steps))])
        : section("Latencies", [
            "<p>From the scheduled start, of completed requests, where nothing else is said.</p>",
            charts(spreads === null ? [] : latencyCharts(spreads, goodput)),
            panelHtml(latencyTable(report)),
          ]),
      targetsPart(report),
      section("Over time", [
        charts(timeCharts(windows, goodput !== null, eventMarks(report))),
        events === null ? "" : panelHtml(events),
      ]),
      failuresPart(report),
      steps.length > 0 ? "" : clientPart(report),
    ],
    footer:
      "Made by <code>replay</code>. Beside this page: <code>report.json</code> has these figures, <code>requests.jsonl</code> every request.",
  });
}

function charts(all: readonly Chart[]): string {
  return all.length === 0
    ? "<p>No request completed.</p>"
    : `<div class="charts glance">\n${all.map(chartHtml).join("\n")}\n</div>`;
}

function runLead(report: ReplayReport): string {
  const of = (key: string): number | null => numberIn(report, key);
  const partial = textIn(report, "partial");
  const client = (report["client"] ?? {}) as ReplayReport;
  const good = of("goodput_rate");
  return [
    `${decimals(of("completed"), 0)} of ${decimals(of("sent"), 0)} requests completed in ${decimals(of("duration"), 1)} s: ${decimals(of("request_throughput"), 1)} requests and ${decimals(of("output_throughput"), 0)} output tokens per second, first token within ${milliseconds(of("p50_ttft_ms"))} ms for half of them and ${milliseconds(of("p99_ttft_ms"))} ms for 99 %.`,
    good === null ? "" : `${decimals(good * 100, 1)} % held their targets.`,
    partial === "" ? "" : `The run is partial: ${partial}.`,
    client["valid"] === false ? "Not valid: the client fell behind." : "",
  ]
    .filter((text) => text !== "")
    .join(" ");
}

function curveLead(report: ReplayReport, steps: readonly ReplayReport[]): string {
  const max = numberIn(report, "max_load");
  const partial = textIn(report, "partial");
  const held = max === null ? "" : ` The highest load that held its targets: ${decimals(max, 1)}.`;
  const cut = partial === "" ? "" : ` It is partial: ${partial}.`;
  return `${steps.length} loads, one after the other.${held}${cut}`;
}

const IDENTITY: readonly (readonly [name: string, key: string])[] = [
  ["Trace", "trace"],
  ["Format", "trace_format"],
  ["Server", "url"],
  ["Model", "model"],
  ["Endpoint", "endpoint_type"],
  ["Began", "started_at"],
  ["Ended", "ended_at"],
  ["Load", "load"],
  ["Requests per second", "request_rate"],
  ["Concurrency", "max_concurrency"],
  ["Speed", "speed"],
  ["Seed", "seed"],
  ["Lengths", "lengths"],
  ["Prompts counted by", "prompts_counted_by"],
  ["In flight at most", "max_in_flight"],
];

function identity(report: ReplayReport): [name: string, text: string][] {
  const scenario = textIn((report["scenario"] ?? {}) as ReplayReport, "title");
  const title: [string, string][] = scenario === "" ? [] : [["Scenario", scenario]];
  return [...title, ...named(report)];
}

function named(report: ReplayReport): [name: string, text: string][] {
  return IDENTITY.flatMap(([name, key]): [string, string][] => {
    const text = textIn(report, key) || String(numberIn(report, key) ?? "");
    return text === "" ? [] : [[name, text]];
  });
}

/** Thresholds, and goodput with its targets. */
function targetsPart(report: ReplayReport): string {
  const thresholds = thresholdTable(report);
  const rate = numberIn(report, "request_goodput");
  const good = numberIn(report, "goodput_rate");
  if (thresholds === null && rate === null) return "";
  const targets = Object.entries((report["goodput_targets_ms"] ?? {}) as ReplayReport)
    .flatMap(([name, ms]) => (typeof ms === "number" ? [`${name} ≤ ${milliseconds(ms)} ms`] : []))
    .join(", ");
  const text = `Good requests (${targets}): ${decimals(rate, 2)} per second, ${decimals(good === null ? null : good * 100, 1)} % of those that ended.`;
  return section("Targets", [
    rate === null ? "" : `<p>${escaped(text)}</p>`,
    thresholds === null ? "" : panelHtml(thresholds),
  ]);
}

function failuresPart(report: ReplayReport): string {
  const texts = errorTextTable(report);
  const bars = failureBars(report);
  if (bars === "") return "";
  return section("Failures", [`<div class="pair">${bars}${texts === null ? "" : panelHtml(texts)}</div>`]);
}

/** Whether the times are the server's. */
function clientPart(report: ReplayReport): string {
  const client = (report["client"] ?? {}) as ReplayReport;
  const why = (client["why"] ?? []) as readonly string[];
  const verdict =
    why.length === 0
      ? "The client kept up: its own lateness is no visible part of these times."
      : `The client fell behind, so these times are not the server's alone: ${why.join("; ")}.`;
  return section("How far to trust this", [`<p>${escaped(verdict)}</p>`, panelHtml(clientTable(client))]);
}
