import { median } from "../median.ts";
import type { Aim, BenchTable, Column } from "../bench-table.ts";
import { FIGURES } from "./figures.ts";
import { type FigureMedian, medianFigures } from "./medians.ts";
import { REPLAY } from "./plimsoll-replay.ts";
import type { CellRuns } from "./replay-bench.ts";
import type { ToolRun } from "./tool-run.ts";

/** Per cent that a figure of ours may be off. */
const MOST_ERROR = 2;
const MEBIBYTE = 1024 * 1024;

/** @param all of every cell the tools in the same order */
export function replayTables(all: readonly CellRuns[]): Record<string, BenchTable> {
  const names = [...new Set(all.map(({ tool }) => tool.name))];
  return { figures: figureTable(all, names), costs: costTable(all) };
}

/** What each tool says beside what was. */
function figureTable(all: readonly CellRuns[], names: readonly string[]): BenchTable {
  const columns: Column[] = [
    { name: "load" },
    { name: "figure" },
    ...names.flatMap((name) => [
      { name, digits: 2 },
      { name: `${name} off, %`, digits: 2 },
      { name: `${name} worst, %`, digits: 2 },
    ]),
  ];
  const cells = Map.groupBy(all, ({ cell }) => cell.name);
  const rows = [...cells].flatMap(([name, tools]) => {
    const medians = tools.map(({ runs }) => medianFigures(runs));
    return FIGURES.map((figure) => [
      name,
      figure,
      ...medians.flatMap((of) => {
        const { measured, error, worst } = of[figure];
        return [measured, error, worst];
      }),
    ]);
  });
  return {
    title: "What both say, beside the mock's truth",
    columns,
    rows,
    notes: [
      "Milliseconds; medians over the repeats, and the error of the run that is furthest off. Each is held against the truth by its own definitions: " +
        "TTFT counts from the send (from the trace's time where the row says so), ITL is every gap between two frames (aiperf's inter chunk latency), " +
        "TPOT the mean of an answer (aiperf's inter token latency); percentiles are nearest ranks for replay and interpolated for aiperf.",
    ],
    aims: all.flatMap(({ cell, tool, runs }) => (tool.name === REPLAY ? aimOf(cell.name, runs) : [])),
  };
}

/** That the figure which is furthest off is not too far. */
function aimOf(cell: string, runs: readonly ToolRun[]): Aim[] {
  const medians = medianFigures(runs);
  const off = (figure: (typeof FIGURES)[number]) => Math.abs(medians[figure].error ?? 0);
  const [furthest] = FIGURES.toSorted((a, b) => off(b) - off(a));
  if (runs.length === 0) return [];
  return [
    { what: `${cell}: ${furthest} of replay, furthest off, %`, measured: off(furthest), atMost: MOST_ERROR },
  ];
}

interface Cost extends Column {
  readonly of: (run: ToolRun) => number | null;
}

const COSTS: readonly Cost[] = [
  { name: "CPU per frame, µs", digits: 1, of: ({ cpuPerFrameUs }) => cpuPerFrameUs },
  { name: "CPU in all, s", digits: 1, of: ({ cpuSeconds }) => cpuSeconds },
  { name: "memory, MiB", of: ({ peakBytes }) => peakBytes / MEBIBYTE },
  { name: "first request, s", digits: 1, of: ({ firstRequestMs }) => seconds(firstRequestMs) },
  { name: "whole run, s", digits: 1, of: ({ wallMs }) => seconds(wallMs) },
  { name: "sent late p50, ms", digits: 2, of: ({ late }) => late.p50 },
  { name: "late p99", digits: 2, of: ({ late }) => late.p99 },
  { name: "TTFT off p99, ms", digits: 2, of: ({ errors }) => errors.ttft?.p99 ?? null },
  { name: "ITL off p99", digits: 2, of: ({ errors }) => errors.itl?.p99 ?? null },
];

/** Of the machine, not of the tool. */
const WAITED: Cost = {
  name: "mock without a core, %",
  digits: 2,
  of: ({ mockWaited }) => (mockWaited === null ? null : 100 * mockWaited),
};

/** What it takes, and how far single values are off. */
function costTable(all: readonly CellRuns[]): BenchTable {
  const columns: Column[] = [
    { name: "load" },
    { name: "tool" },
    { name: "runs" },
    ...COSTS,
    WAITED,
    { name: "completed" },
    { name: "failed" },
    { name: "seen otherwise" },
  ];
  const sum = (runs: readonly ToolRun[], of: (run: ToolRun) => number) =>
    runs.reduce((total, run) => total + of(run), 0);
  return {
    title: "What it takes, and how far single values are off",
    columns: columns.map(({ name, digits }) => ({ name, ...(digits === undefined ? {} : { digits }) })),
    rows: all.map(({ cell, tool, runs }) => [
      cell.name,
      tool.name,
      runs.length,
      ...[...COSTS, WAITED].map(({ of }) => median(runs.map(of))),
      `${sum(runs, ({ completed }) => completed)} of ${sum(runs, ({ requests }) => requests)}`,
      sum(runs, ({ failed }) => failed),
      sum(runs, ({ errors }) => errors.otherwise),
    ]),
    notes: [
      "CPU of all processes of a tool: per frame while requests came, in all from start to end, start-up and files included. " +
        "Memory: the most at one time, shared pages counted once. Sent late: how much later than the trace says the mock had a request, from the " +
        "one that came earliest. TTFT and ITL off: single values of a tool's own lines beside the mock's, whatever the direction. " +
        "Mock without a core: of the run's time, how long it was ready and the machine was busy. " +
        "Seen otherwise: answers that a tool has not, or with another number of frames.",
      ...all.flatMap(({ cell, tool, broken }) =>
        broken.map((why) => `${cell.name}: a run of ${tool.name} has no figures: ${why}`),
      ),
      ...all.flatMap(doubtsOf),
      ...lossesOf(all),
    ],
    aims: [],
  };
}

/** What a tool itself does not believe. */
function doubtsOf({ cell, tool, runs }: CellRuns): string[] {
  const doubted = runs.filter(({ doubts }) => doubts.length > 0);
  if (doubted.length === 0) return [];
  return [
    `${cell.name}: ${doubted.length} of ${runs.length} runs are not valid by ${tool.name} itself, the first since ${doubted[0].doubts.join("; ")}`,
  ];
}

/** A hundredth of a per cent more is no loss. */
const LEAST_LOSS = 0.01;

/** Where another tool is nearer to the truth, or takes less, than ours. */
function lossesOf(all: readonly CellRuns[]): string[] {
  return all.flatMap(({ cell, tool, runs }) => {
    const ours = all.find((other) => other.cell === cell && other.tool.name === REPLAY);
    if (tool.name === REPLAY || ours === undefined || ours.runs.length === 0 || runs.length === 0) return [];
    const [we, they] = [medianFigures(ours.runs), medianFigures(runs)];
    const lost = [
      ...FIGURES.filter((figure) => isFurther(we[figure], they[figure])).map(
        (figure) => `${figure} (${percent(we[figure])} against ${percent(they[figure])})`,
      ),
      ...COSTS.filter(({ of }) => (median(ours.runs.map(of)) ?? 0) > (median(runs.map(of)) ?? 0)).map(
        ({ name }) => name,
      ),
    ];
    return lost.length === 0 ? [] : [`Lost to ${tool.name}, ${cell.name}: ${lost.join(", ")}.`];
  });
}

function isFurther(ours: FigureMedian, theirs: FigureMedian): boolean {
  if (ours.error === null || theirs.error === null) return false;
  return Math.abs(ours.error) > Math.abs(theirs.error) + LEAST_LOSS;
}

function percent({ error }: FigureMedian): string {
  return `${(error ?? 0).toFixed(2)} %`;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
