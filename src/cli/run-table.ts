import Table from "cli-table3";
import { decimals, milliseconds } from "../lib/number-text.ts";
import type { SampleSummary } from "../lib/sample.ts";
import type { PolicyFigures } from "../report/policy-figures.ts";

const LABEL_WIDTH = 18;
/** Three policies make 80 columns. */
const POLICY_WIDTH = 19;

const ROWS: readonly (readonly [label: string, text: (figures: PolicyFigures) => string])[] = [
  ["Completed", ({ completed, requests }) => `${decimals(completed, 0)} of ${decimals(requests, 0)}`],
  ["Refused, failed", ({ refused, failed }) => `${decimals(refused, 0)}, ${decimals(failed, 0)}`],
  ["Tokens/s", ({ tokensPerSecond }) => decimals(tokensPerSecond, 0)],
  ["TTFT p50/p95, ms", ({ ttftMs }) => pairText(ttftMs)],
  ["TPOT p50/p95, ms", ({ tpotMs }) => pairText(tpotMs)],
  ["E2E p50/p95, ms", ({ e2eMs }) => pairText(e2eMs)],
  ["Balancedness", ({ balancedness }) => decimals(balancedness, 3)],
  ["Node hops/token", ({ nodeHopsPerToken }) => decimals(nodeHopsPerToken, 3)],
  ["Hops/token", ({ hopsPerToken }) => decimals(hopsPerToken, 3)],
  ["Slots moved", ({ movedSlots }) => decimals(movedSlots, 0)],
  ["Epochs", ({ epochs }) => decimals(epochs, 0)],
];

const GOODPUT_ROW = [
  "Goodput",
  ({ goodput }: PolicyFigures) =>
    `${decimals(goodput === null || goodput.share === null ? null : goodput.share * 100, 1)} %`,
] as const;

/** What a run came to: a column for each policy. */
export function runTable(all: readonly PolicyFigures[]): string {
  const table = new Table({
    head: ["", ...all.map(({ title }) => title)],
    colWidths: [LABEL_WIDTH, ...all.map(() => POLICY_WIDTH)],
    colAligns: ["left", ...all.map(() => "right" as const)],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  const rows = all.some(({ goodput }) => goodput !== null) ? [...ROWS, GOODPUT_ROW] : ROWS;
  for (const [label, text] of rows) table.push([label, ...all.map(text)]);
  return table.toString();
}

/** Why requests got no answer, a line each; empty where all did. */
export function lostLines(all: readonly PolicyFigures[]): readonly string[] {
  return all.flatMap(({ title, lost }) =>
    lost.map(({ outcome, reason, requests }) => `${title}: ${requests} ${outcome}: ${reason}`),
  );
}

function pairText(latency: SampleSummary | null): string {
  return `${milliseconds(latency?.p50)} / ${milliseconds(latency?.p95)}`;
}
