import Table from "cli-table3";
import type { LoadLine, LoadLines } from "../model/load-line.ts";
import { decimals, milliseconds } from "../lib/number-text.ts";

type Measure = (line: LoadLine) => number | null | undefined;

const AT_MOST: readonly Row[] = [
  ["At most, tokens/s", (line) => line.mostTokensPerSecond, (value) => decimals(value ?? null, 0)],
];

const OFFERED: readonly Row[] = [
  ["  tokens/s", (line) => line.offered.tokensPerSecond, (value) => decimals(value ?? null, 0)],
  ["  TTFT p50, ms", (line) => line.offered.ttftMs?.p50, milliseconds],
  ["  TTFT p95, ms", (line) => line.offered.ttftMs?.p95, milliseconds],
  ["  TPOT p50, ms", (line) => line.offered.tpotMs?.p50, milliseconds],
  ["  balancedness", (line) => line.offered.balancedness, (value) => decimals(value ?? null, 3)],
];

type Row = readonly [label: string, measure: Measure, text: (value: number | null | undefined) => string];

/**
 * What the pool carries under each way of balancing, with ratios to none. 80 columns.
 * @param steady whether the run was offered as much all the time
 */
export function loadLineTable({ offeredTokensPerSecond, policies }: LoadLines, steady: boolean): string {
  const table = new Table({
    head: ["", ...policies.map(({ title }) => title)],
    colWidths: [20, ...policies.map(() => 19)],
    colAligns: ["left", ...policies.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  const row = ([label, measure, text]: Row) => [
    label,
    ...policies.map((line, column) => {
      const [value, first] = [measure(line), measure(policies[0])];
      const ratio = value && first ? `×${decimals(value / first, 2)}` : "–";
      return column === 0 ? text(value) : `${text(value)}  ${ratio.padStart(6)}`;
    }),
  ];
  const when = steady ? "in this run" : "when this run began";
  const offered = decimals(offeredTokensPerSecond, 0);
  table.push(
    ...AT_MOST.map(row),
    [{ colSpan: policies.length + 1, content: `With ${offered} tokens/s offered, as ${when}:` }],
    ...OFFERED.map(row),
  );
  return [
    "What the same GPUs carry under each way of balancing, measured in virtual time. TTFT: wait for the",
    "first token; TPOT: time between tokens. Waits grow without end where less is carried than offered.",
    table.toString(),
  ].join("\n");
}
