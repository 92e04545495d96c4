import Table from "cli-table3";
import type { Comparison, PolicyResult } from "../model/comparison.ts";
import { decimals, milliseconds } from "./number-text.ts";

type Measure = (result: PolicyResult) => number;

/** The rows that have a ratio to the baseline. */
const MEASURES: readonly [label: string, measure: Measure, text: (value: number) => string][] = [
  ["Balancedness", (policy) => policy.balancedness, (value) => decimals(value, 3)],
  ["Node hops/token", (policy) => policy.nodeHopsPerToken, (value) => decimals(value, 3)],
  ["Hops/token", (policy) => policy.hopsPerToken, (value) => decimals(value, 3)],
  ["Mean step, ms", (policy) => policy.meanStepMs, milliseconds],
  ["Tokens/s per GPU", (policy) => policy.tokensPerGpuSecond, (value) => decimals(value, 0)],
];

const LABEL_WIDTH = 18;
/** Three policies make 80 columns, four 100. */
const POLICY_WIDTH = 19;

/** The comparison at the end of a run: a column per policy, with its ratio to the first. */
export function comparisonTable(comparison: Comparison): string {
  const { policies, steps, tokens, recordedShare } = comparison;
  const table = new Table({
    head: ["", ...policies.map((policy) => policy.title)],
    colWidths: [LABEL_WIDTH, ...policies.map(() => POLICY_WIDTH)],
    colAligns: ["left", ...policies.map(() => "right" as const)],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  for (const [label, measure, text] of MEASURES) {
    const baseline = measure(policies[0]);
    table.push([
      label,
      ...policies.map((policy, column) => {
        const value = measure(policy);
        return column === 0 ? text(value) : `${text(value)}  ${ratioText(value, baseline)}`;
      }),
    ]);
  }
  table.push(
    ["GPU moves", ...policies.map((policy) => decimals(policy.movedSlots, 0))],
    ["Epochs", ...policies.map((policy) => decimals(policy.epochs, 0))],
  );
  const recorded = `${decimals(tokens, 0)} tokens in ${decimals(steps, 0)} steps`;
  const share = `${decimals(100 * recordedShare, 1)} % of the run`;
  return `The same ${recorded} (${share}), under each policy:\n${table.toString()}`;
}

function ratioText(value: number, baseline: number): string {
  return `×${decimals(value / baseline, 2)}`.padStart(6);
}
