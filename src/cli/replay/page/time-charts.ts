import { decimals, milliseconds } from "../../../lib/number-text.ts";
import type { RunWindow, RunWindows } from "../../../replay/report/run-windows.ts";
import { linearAxis, roundEnd, stepText } from "../../../report/html/axis.ts";
import type { Chart, Mark } from "../../../report/html/chart.ts";
import { timeAxis } from "../../../report/html/time-axis.ts";

const TICKS = 4;
const ROWS = 12;

interface Line {
  readonly policy: string;
  readonly name: string;
  readonly of: (window: RunWindow, seconds: number) => number | null;
}

interface Measure {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
  readonly text: (value: number | null) => string;
  /** Where the axis ends by nature. */
  readonly end?: number;
}

const plain = (value: number | null): string => decimals(value, 1);
const only = (name: string, of: Line["of"]): readonly Line[] => [{ policy: "plimsoll", name, of }];

const MEASURES: readonly Measure[] = [
  {
    title: "Requests sent",
    unit: "per second",
    lines: only("sent", ({ sent }, seconds) => sent / seconds),
    text: plain,
  },
  {
    title: "In flight",
    unit: "requests, mean of a window",
    lines: only("in flight", ({ inFlight }) => inFlight),
    text: plain,
  },
  {
    title: "Time to first token",
    unit: "ms, by scheduled start; p50 solid, p95 dashed",
    lines: [
      { policy: "plimsoll", name: "p50", of: ({ ttftP50 }) => ttftP50 },
      { policy: "eplb", name: "p95", of: ({ ttftP95 }) => ttftP95 },
    ],
    text: milliseconds,
  },
  {
    title: "Failures",
    unit: "per second",
    lines: only("failed", ({ failed }, seconds) => failed / seconds),
    text: plain,
  },
];

const GOOD: Measure = {
  title: "Good requests",
  unit: "percent of those scheduled then that held every target",
  lines: only("good", ({ good }) => (good === null ? null : good * 100)),
  text: plain,
  end: 100,
};

/** A run over time, by windows. */
export function timeCharts(windows: RunWindows, judged: boolean, marks: readonly Mark[]): Chart[] {
  const all = windows.windows();
  return (judged ? [...MEASURES, GOOD] : MEASURES).map((measure) =>
    overTime(measure, all, windows.widthMs, marks),
  );
}

function overTime(
  measure: Measure,
  windows: readonly RunWindow[],
  widthMs: number,
  marks: readonly Mark[],
): Chart {
  const { title, unit, lines, text, end } = measure;
  const seconds = widthMs / 1000;
  const drawn = lines.map(({ policy, of }) => {
    return {
      policy,
      points: windows.map((window, i) => [(i + 0.5) * widthMs, of(window, seconds)] as const),
    };
  });
  const most = Math.max(0, ...drawn.flatMap(({ points }) => points.map(([, value]) => value ?? 0)));
  const { axis, title: xTitle } = timeAxis(windows.length * widthMs);
  const every = Math.ceil(windows.length / ROWS);
  return {
    title,
    unit,
    xTitle: xTitle.replace("virtual time", "time"),
    x: axis,
    y: linearAxis(end ?? roundEnd(most, TICKS), TICKS, stepText),
    lines: drawn,
    marks,
    notches: [],
    says: `${title} (${unit}) over time: at most ${text(most)}.`,
    table: {
      caption: `${title}, ${unit}, in some windows of ${decimals(seconds, 2)} s`,
      columns: ["From", ...lines.map(({ name }) => name)],
      rows: windows.flatMap((window, i) =>
        i % every === 0
          ? [
              {
                header: `${decimals(i * seconds, 1)} s`,
                cells: lines.map(({ of }) => text(of(window, seconds))),
              },
            ]
          : [],
      ),
    },
  };
}
