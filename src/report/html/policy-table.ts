import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { SampleSummary } from "../../lib/sample.ts";
import type { LostRequests } from "../lost-requests.ts";
import type { PolicyFigures } from "../policy-figures.ts";
import type { ServiceLevel } from "../service-level.ts";
import type { FigureRow, FigureTable } from "./figure-table.ts";

/** What differs by less is nobody's merit. */
const TELLING = 0.01;

type Known = number | null | undefined;

interface Line {
  readonly header: string;
  readonly of: (figures: PolicyFigures) => Known;
  readonly text: (value: Known) => string;
  /** Which way is better; neither where it is no matter of better. */
  readonly better?: "less" | "more";
}

const whole = (value: Known) => decimals(value, 0);
const two = (value: Known) => decimals(value, 2);
const three = (value: Known) => decimals(value, 3);
const percent = (value: Known) =>
  value === null || value === undefined ? "–" : `${decimals(value * 100, 1)} %`;

const LATENCIES = [
  ["TTFT", (figures: PolicyFigures) => figures.ttftMs],
  ["TPOT", (figures: PolicyFigures) => figures.tpotMs],
  ["ITL", (figures: PolicyFigures) => figures.itlMs],
  ["E2E", (figures: PolicyFigures) => figures.e2eMs],
] as const;

const PERCENTILES = ["p50", "p90", "p95", "p99"] as const satisfies readonly (keyof SampleSummary)[];

function latencyLines(): Line[] {
  return LATENCIES.flatMap(([name, of]) =>
    PERCENTILES.map((percentile): Line => {
      const value = (figures: PolicyFigures) => of(figures)?.[percentile];
      return { header: `${name} ${percentile}`, of: value, text: milliseconds, better: "less" };
    }),
  );
}

const SERVED: readonly Line[] = [
  { header: "Requests completed", of: ({ completed }) => completed, text: whole, better: "more" },
  { header: "Refused", of: ({ refused }) => refused, text: whole, better: "less" },
  { header: "Failed", of: ({ failed }) => failed, text: whole, better: "less" },
  { header: "Sent again", of: ({ resent }) => resent, text: whole, better: "less" },
  { header: "Preemptions", of: ({ preemptions }) => preemptions, text: whole, better: "less" },
  { header: "Tokens/s", of: ({ tokensPerSecond }) => tokensPerSecond, text: whole, better: "more" },
];

const GOODPUT: readonly Line[] = [
  {
    header: "Goodput, requests/s",
    of: ({ goodput }) => goodput?.requestsPerSecond,
    text: two,
    better: "more",
  },
  {
    header: "Requests that kept the SLO",
    of: ({ goodput }) => goodput?.share,
    text: percent,
    better: "more",
  },
];

const BALANCE: readonly Line[] = [
  { header: "Balancedness", of: ({ balancedness }) => balancedness, text: three, better: "more" },
  {
    header: "Node hops per token",
    of: ({ nodeHopsPerToken }) => nodeHopsPerToken,
    text: three,
    better: "less",
  },
  { header: "Hops per token", of: ({ hopsPerToken }) => hopsPerToken, text: three, better: "less" },
  { header: "Steps", of: ({ steps }) => steps, text: whole },
  { header: "Epochs", of: ({ epochs }) => epochs, text: whole },
  { header: "Slots moved", of: ({ movedSlots }) => movedSlots, text: whole, better: "less" },
];

/** The policies side by side, what they served and how they balanced, and latencies; the best of a row is in bold. */
export function policyTables(all: readonly PolicyFigures[], level: ServiceLevel | null): FigureTable[] {
  const table = (caption: string, lines: readonly Line[]) => ({
    caption,
    columns: ["", ...all.map(({ title }) => title)],
    rows: lines.map((line) => rowOf(line, all)),
  });
  const served = [...SERVED, ...(level === null ? [] : GOODPUT), ...BALANCE];
  return [table("Served, and how", served), table("Latencies, ms", latencyLines())];
}

function rowOf({ header, of, text, better }: Line, all: readonly PolicyFigures[]): FigureRow {
  const cells = all.map((figures) => text(of(figures)));
  const known = all.flatMap((figures) => of(figures) ?? []);
  if (better === undefined || known.length < 2) return { header, cells };
  const [least, most] = [Math.min(...known), Math.max(...known)];
  if (most - least <= TELLING * most) return { header, cells };
  const winner = text(better === "less" ? least : most);
  return { header, cells, best: cells.flatMap((cell, i) => (cell === winner ? [i] : [])) };
}

/** What a person set, in words. */
export function levelText({ ttftMs, tpotMs }: ServiceLevel): string {
  return `TTFT ≤ ${milliseconds(ttftMs)} ms and TPOT ≤ ${milliseconds(tpotMs)} ms`;
}

/** Why requests were refused or failed, by policy; null where none was. */
export function lostTable(all: readonly PolicyFigures[]): FigureTable | null {
  const rows = all.flatMap(({ title, lost }) =>
    lost.map((kind: LostRequests) => ({
      header: title,
      cells: [kind.outcome, whole(kind.requests), kind.reason],
    })),
  );
  if (rows.length === 0) return null;
  return {
    caption: "Requests that got no answer",
    columns: ["Policy", "Outcome", "Requests", "Why (of the first)"],
    rows,
    words: true,
  };
}
