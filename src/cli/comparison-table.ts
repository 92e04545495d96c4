import Table from "cli-table3";
import { decimals, milliseconds } from "./number-text.ts";

/** The same recorded tokens under several policies, the baseline first. */
export interface PolicyComparison {
  readonly policies: readonly PolicyOutcome[];
  readonly steps: number;
  readonly tokens: number;
  /** The share of the run's tokens that were recorded, 0..1. */
  readonly recordedShare: number;
}

export interface PolicyOutcome {
  readonly name: string;
  /** Null where nothing was forwarded, as for the figures below. */
  readonly balancedness: number | null;
  /** Per token and layer. */
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly meanStepMs: number | null;
  readonly tokensPerGpuSecond: number | null;
  readonly movedSlots: number;
  readonly epochs: number;
}

type Measure = (outcome: PolicyOutcome) => number | null;

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

/** The comparison at the end of a run: a column per policy, with its ratio to the first. */
export function comparisonTable(comparison: PolicyComparison): string {
  const { policies, steps, tokens, recordedShare } = comparison;
  const table = new Table({
    head: ["", ...policies.map((policy) => policy.name)],
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

function ratioText(value: number | null, baseline: number | null): string {
  const ratio = value === null || baseline === null || baseline === 0 ? null : value / baseline;
  return `×${decimals(ratio, 2)}`.padStart(6);
}
