import Table from "cli-table3";
import { clockText, decimals } from "../../lib/number-text.ts";
import { joined } from "../../replay/trace-shape/time-bins.ts";
import type { LengthFigures } from "../../replay/trace-shape/lengths.ts";
import type { NameFigures } from "../../replay/trace-shape/name-counts.ts";
import type { TraceFigures } from "../../replay/trace-shape/trace-shape.ts";
import { SECONDS } from "../../formats/traces/time-doubt.ts";
import type { TraceReading } from "../../formats/traces/trace-parser.ts";
import { inspectionNotes } from "./open-trace.ts";
import { ratePicture } from "./rate-picture.ts";

/** A trace, and how it was read. */
export interface Inspected {
  readonly path: string;
  readonly reading: TraceReading;
  readonly figures: TraceFigures;
}

const COLUMNS = 60;

/** What a trace holds, for a person to read. */
export function inspectText({ path, reading, figures }: Inspected): string {
  return [
    `${path}: ${reading.format}, ${factsLine(figures)}`,
    ...(figures.durationMs === 0 ? [] : ["", picture(figures)]),
    "",
    lengthTable(figures),
    ...factLines(figures, reading).map(([name, text]) => `${name}: ${text}`),
    ...inspectionNotes(reading),
  ].join("\n");
}

/** What it comes to, in a line. */
export function factsLine({ requests, durationMs, rate }: TraceFigures): string {
  const over = durationMs === 0 ? "at once" : `over ${clockText(durationMs)}`;
  const rates = rate === null ? "" : `, ${decimals(rate, 2)} requests/s`;
  return `${decimals(requests, 0)} requests ${over}${rates}`;
}

/** The rest in lines: each with a word for what it is. */
export function factLines(
  figures: TraceFigures,
  reading: TraceReading,
): readonly (readonly [name: string, text: string])[] {
  const { burstiness, correlation, prefix, conversations } = figures;
  const peaks = burstiness.peaks.map(
    ({ seconds, requests, peakToMean }) =>
      `${decimals(peakToMean, 2)} in ${seconds} s (${decimals(requests, 0)} requests)`,
  );
  const lines: (readonly [string, string | null])[] = [
    [
      "Burstiness",
      burstiness.gapCv === null
        ? null
        : `gaps with a CV of ${decimals(burstiness.gapCv, 2)} (1: independent arrivals)`,
    ],
    ["Peak to mean", peaks.length === 0 ? null : peaks.join(", ")],
    ["Correlation of lengths", correlation === null ? null : decimals(correlation, 2)],
    ["Times", unitText(reading)],
    ["Lengths from", reading.lengths === "trace" ? null : reading.lengths],
    ["Prefixes", prefix === null ? "the trace says nothing of what prompts share" : prefixText(prefix)],
    [
      "Conversations",
      conversations === null
        ? null
        : `${decimals(conversations.sessions, 0)}, turns: mean ${decimals(conversations.turns.mean, 1)}, p50 ${conversations.turns.p50}, p95 ${conversations.turns.p95}, most ${conversations.turns.max}; ${decimals(conversations.waiting, 0)} requests wait for an answer`,
    ],
    ["Tenants", namesText(figures.tenants, figures.requests)],
    ["Classes", namesText(figures.classes, figures.requests)],
    ["Models", namesText(figures.models, figures.requests)],
  ];
  return lines.filter((line): line is [string, string] => line[1] !== null);
}

function unitText({ timeUnit }: TraceReading): string | null {
  return timeUnit === null ? null : timeUnit === SECONDS ? "seconds" : "milliseconds";
}

/** At most so many equal parts of a trace's time. */
export function partsOf({ over }: TraceFigures, most: number) {
  const count = Math.ceil(over.bins.length / most);
  return { bins: joined(over.bins, count), widthMs: over.binMs * count };
}

function picture(figures: TraceFigures): string {
  const { bins, widthMs } = partsOf(figures, COLUMNS);
  const title = `Requests per second, by parts of ${decimals(widthMs / 1000, 1)} s`;
  return ratePicture({ values: bins.map(({ requests }) => (1000 * requests) / widthMs), widthMs, title });
}

function lengthTable({ input, output }: TraceFigures): string {
  const table = new Table({
    head: ["Tokens", ...LENGTH_COLUMNS.map(([name]) => name)],
    colAligns: ["left", ...LENGTH_COLUMNS.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  table.push(["Prompt", ...lengthCells(input)], ["Answer", ...lengthCells(output)]);
  return table.toString();
}

export const LENGTH_COLUMNS: readonly (readonly [name: string, of: (figures: LengthFigures) => number])[] = [
  ["mean", ({ mean }) => mean],
  ["p50", ({ p50 }) => p50],
  ["p90", ({ p90 }) => p90],
  ["p95", ({ p95 }) => p95],
  ["p99", ({ p99 }) => p99],
  ["p99.9", ({ p999 }) => p999],
  ["most", ({ max }) => max],
];

export function lengthCells(figures: LengthFigures): string[] {
  return LENGTH_COLUMNS.map(([, of]) => decimals(of(figures), 0));
}

function prefixText(prefix: NonNullable<TraceFigures["prefix"]>): string {
  const { by, blockTokens, distinctBlocks, seenPart, idealHitRate, errorPart } = prefix;
  const blocks = blockTokens === null ? "blocks" : `blocks of ${blockTokens} tokens`;
  const how =
    by === "sessions"
      ? "as turns repeat what was said"
      : `${decimals(distinctBlocks, 0)} different ${blocks}`;
  const error =
    errorPart < 1e-6 ? "" : `; a new block is taken for a known one in ${percent(errorPart)} of cases`;
  return `${percent(seenPart)} of prompt tokens were there before, an endless cache hits ${percent(idealHitRate)} (${how}${error})`;
}

function namesText(names: NameFigures | null, requests: number): string | null {
  if (names === null) return null;
  const shown = names.most.map((one) => `${one.name} ${percent(one.requests / requests)}`);
  return [...shown, ...(names.others === 0 ? [] : [`others ${percent(names.others / requests)}`])].join(", ");
}

function percent(part: number): string {
  return `${decimals(part * 100, 1)} %`;
}
