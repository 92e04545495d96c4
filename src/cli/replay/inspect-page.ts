import { decimals } from "../../lib/number-text.ts";
import { type Axis, linearAxis, logAxis, roundEnd, stepText } from "../../report/html/axis.ts";
import { type Chart, chartHtml } from "../../report/html/chart.ts";
import { documentHtml, panelHtml, section } from "../../report/html/document.ts";
import { escaped } from "../../report/html/escape.ts";
import { timeAxis } from "../../report/html/time-axis.ts";
import type { TimeBin } from "../../replay/trace-shape/time-bins.ts";
import type { TraceFigures } from "../../replay/trace-shape/trace-shape.ts";
import {
  factLines,
  factsLine,
  type Inspected,
  LENGTH_COLUMNS,
  lengthCells,
  partsOf,
} from "./inspect-text.ts";
import { inspectionNotes } from "./open-trace.ts";

const PARTS = 240;
const ROWS = 12;
const TICKS = 4;

interface Measure {
  readonly title: string;
  readonly unit: string;
  readonly of: (bin: TimeBin, seconds: number) => number;
}

const MEASURES: readonly Measure[] = [
  { title: "Requests", unit: "per second", of: ({ requests }, seconds) => requests / seconds },
  { title: "Prompt tokens", unit: "per second", of: ({ inputTokens }, seconds) => inputTokens / seconds },
  { title: "Answer tokens", unit: "per second", of: ({ outputTokens }, seconds) => outputTokens / seconds },
];
const HIT_RATE: Measure = {
  title: "Ideal hit rate",
  unit: "percent of prompt tokens that an endless cache of prefixes would hold",
  of: ({ inputTokens, cachedTokens }) => (inputTokens === 0 ? 0 : (100 * cachedTokens) / inputTokens),
};

/** What a trace holds, as one HTML file that needs no network. */
export function inspectPage(inspected: Inspected): string {
  const { path, reading, figures } = inspected;
  const measures = figures.prefix === null ? MEASURES : [...MEASURES, HIT_RATE];
  const notes = inspectionNotes(reading).map((note) => `<li>${escaped(note)}</li>`);
  const over =
    figures.durationMs === 0 ? [] : measures.map((measure) => chartHtml(overTime(figures, measure)));
  return documentHtml({
    title: "Plimsoll: a trace",
    heading: "A trace",
    lead: `${factsLine(figures)}.`,
    identity: [["Trace", path], ["Format", reading.format ?? ""], ...factLines(figures, reading)],
    parts: [
      section("Over time", over.length === 0 ? [] : [`<div class="charts">\n${over.join("\n")}\n</div>`]),
      section("Lengths", [
        `<div class="charts">\n${lengthCharts(figures).map(chartHtml).join("\n")}\n</div>`,
        panelHtml({
          caption: "Tokens of a request",
          columns: ["", ...LENGTH_COLUMNS.map(([name]) => name)],
          rows: [
            { header: "Prompt", cells: lengthCells(figures.input) },
            { header: "Answer", cells: lengthCells(figures.output) },
          ],
        }),
      ]),
      notes.length === 0 ? "" : section("How it was read", [`<ul>${notes.join("")}</ul>`]),
    ],
    footer: "Made by <code>replay inspect</code>; nothing was sent.",
  });
}

function overTime(figures: TraceFigures, { title, unit, of }: Measure): Chart {
  const { bins, widthMs } = partsOf(figures, PARTS);
  const seconds = widthMs / 1000;
  const values = bins.map((bin) => of(bin, seconds));
  const most = Math.max(...values);
  const { axis, title: xTitle } = timeAxis(bins.length * widthMs);
  const few = partsOf(figures, ROWS);
  return {
    title,
    unit,
    xTitle: xTitle.replace("virtual time", "time"),
    x: axis,
    y: valueAxis(most),
    lines: [{ policy: "plimsoll", points: values.map((value, i) => [(i + 0.5) * widthMs, value] as const) }],
    marks: [],
    notches: [],
    says: `${title} ${unit} over time: at most ${decimals(most, 2)}.`,
    table: {
      caption: `${title}, ${unit}, by part of the trace`,
      columns: ["Until", title],
      rows: few.bins.map((bin, i) => ({
        header: `${decimals(((i + 1) * few.widthMs) / 1000, 0)} s`,
        cells: [decimals(of(bin, few.widthMs / 1000), 2)],
      })),
    },
  };
}

function lengthCharts({ lengthPoints, input, output }: TraceFigures): Chart[] {
  const chart = (title: string, points: readonly (readonly [number, number])[], max: number): Chart => ({
    title,
    unit: "percent of requests that are no longer",
    xTitle: "tokens",
    x: logAxis(1, Math.max(10, max), (value) => decimals(value, 0)),
    y: linearAxis(100, TICKS, (value) => `${value} %`),
    lines: [
      {
        policy: "plimsoll",
        points: points.map(([percent, tokens]) => [Math.max(1, tokens), percent] as const),
      },
    ],
    marks: [],
    notches: [],
    says: `${title}: from ${points[0][1]} to ${max} tokens.`,
    table: {
      caption: `${title}, tokens`,
      columns: ["Percent of requests", "no longer than"],
      rows: points.map(([percent, tokens]) => ({ header: `${percent} %`, cells: [decimals(tokens, 0)] })),
    },
  });
  return [
    chart("Lengths of prompts", lengthPoints.input, input.max),
    chart("Lengths of answers", lengthPoints.output, output.max),
  ];
}

function valueAxis(most: number): Axis {
  return linearAxis(roundEnd(most, TICKS), TICKS, stepText);
}
