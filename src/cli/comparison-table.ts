import Table from "cli-table3";
import type { Comparison, PolicyResult, Regime } from "../model/comparison.ts";
import { decimals, milliseconds } from "../lib/number-text.ts";

type Measure = (result: PolicyResult) => number | null;

/** The rows that have a ratio to the baseline. */
const MEASURES: readonly [label: string, measure: Measure, text: (value: number | null) => string][] = [
  ["Balancedness", (policy) => policy.balancedness, (value) => decimals(value, 3)],
  ["Node hops/token", (policy) => policy.nodeHopsPerToken, (value) => decimals(value, 3)],
  ["Hops/token", (policy) => policy.hopsPerToken, (value) => decimals(value, 3)],
  ["Mean step, ms", (policy) => policy.meanStepMs, milliseconds],
  ["Tokens/s per GPU", (policy) => policy.tokensPerGpuSecond, (value) => decimals(value, 0)],
];

const LABEL_WIDTH = 18;
/** Three policies make 80 columns, four 100. */
const POLICY_WIDTH = 19;

/** The comparison at the end of a run: a table for the steps as they ran, and one for full batches. */
export function comparisonTable({ asRun, fullBatches, recordedShare }: Comparison): string {
  const share = `${decimals(100 * recordedShare, 1)} % of the run`;
  const parts = [`The same ${extent(asRun)} (${share}), under each policy:\n${regimeTable(asRun)}`];
  const joined = fullBatches.steps !== asRun.steps;
  if (joined && fullBatches.steps > 0) {
    parts.push(`The same tokens as under full load, ${extent(fullBatches)}:\n${regimeTable(fullBatches)}`);
  }
  return parts.join("\n\n");
}

function extent({ tokens, steps }: Regime): string {
  return `${decimals(tokens, 0)} tokens in ${decimals(steps, 0)} steps`;
}

/** A column per policy, with its ratio to the first. */
function regimeTable({ policies }: Regime): string {
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
    ["Slots moved", ...policies.map((policy) => decimals(policy.movedSlots, 0))],
    ["Epochs", ...policies.map((policy) => decimals(policy.epochs, 0))],
  );
  return table.toString();
}

function ratioText(value: number | null, baseline: number | null): string {
  const ratio = value === null || baseline === null ? null : value / baseline;
  return `×${decimals(ratio, 2)}`.padStart(6);
}
