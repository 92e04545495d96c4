import { decimals } from "../../lib/number-text.ts";
import type { Comparison } from "../../model/comparison.ts";
import type { PolicyFigures } from "../policy-figures.ts";
import type { PolicyLog } from "../policy-log.ts";
import type { ServiceLevel } from "../service-level.ts";
import { chartHtml } from "./chart.ts";
import { comparisonHtml } from "./comparison-tables.ts";
import { documentHtml, panelHtml, section } from "./document.ts";
import { escaped } from "./escape.ts";
import { eventsHtml } from "./event-list.ts";
import { gainText } from "./gain.ts";
import { latencyCharts } from "./latency-charts.ts";
import { levelText, lostTable, policyTables } from "./policy-table.ts";
import { timeCharts } from "./time-charts.ts";
import { type TrustFacts, trustHtml } from "./trust.ts";

export interface ReportFacts {
  /** What was run, as pairs of a word and a text. */
  readonly identity: readonly (readonly [name: string, text: string])[];
  /** One for each policy, in the same order. */
  readonly figures: readonly PolicyFigures[];
  readonly logs: readonly PolicyLog[];
  readonly level: ServiceLevel | null;
  /** Null where nothing was recorded. */
  readonly comparison: Comparison | null;
  readonly trust: TrustFacts;
}

/** A run's report as one HTML file that needs no network. */
export function reportPage(facts: ReportFacts): string {
  const { identity, figures, logs, level, comparison, trust } = facts;
  const lost = lostTable(figures);
  const pools = [...new Set(logs.flatMap((log) => [...log.pools.keys()]))];
  const legend = legendHtml(logs);
  const parts = [
    section("Policies", [
      level === null ? "" : `<p>The SLO, and what goodput counts: ${escaped(levelText(level))}.</p>`,
      `<div class="pair">${policyTables(figures, level).map(panelHtml).join("\n")}</div>`,
      lost === null ? "" : panelHtml(lost),
    ]),
    section("Latencies", [legend, chartsHtml(latencyCharts(logs).map(chartHtml))]),
    ...pools.map((pool) =>
      section(pools.length === 1 ? "Over time" : `Over time: ${pool}`, [
        legend,
        chartsHtml(timeCharts(logs, pool).map(chartHtml)),
        eventsHtml(logs, pool),
      ]),
    ),
    comparison === null
      ? ""
      : section("The same tokens under each policy", [
          `<div class="pair">${comparisonHtml(comparison)}</div>`,
        ]),
    section("How far to trust this", [trustHtml(trust)]),
  ];
  return documentHtml({
    title: "Plimsoll: a simulated run",
    heading: "A simulated run",
    lead: gainText(figures),
    identity,
    parts,
    footer: `Beside this page: <code>report.json</code> has these figures, <code>requests.jsonl</code> every request, <code>series.csv</code> every window, <code>trace.json</code> the steps, for <code>ui.perfetto.dev</code>. ${decimals(
      figures.reduce((sum, { requests }) => sum + requests, 0),
      0,
    )} requests over all policies.`,
  });
}

function chartsHtml(charts: readonly string[]): string {
  return charts.length === 0
    ? "<p>Nothing was forwarded.</p>"
    : `<div class="charts">\n${charts.join("\n")}\n</div>`;
}

/** Which line is whose: by colour and by dashes. */
function legendHtml(logs: readonly PolicyLog[]): string {
  const items = logs.map(({ policy }) => {
    const swatch = `<svg viewBox="0 0 40 8" aria-hidden="true"><path class="line ${escaped(policy.name)}" d="M0 4h40"/></svg>`;
    return `<li>${swatch}${escaped(policy.title)}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}
