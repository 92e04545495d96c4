import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { Comparison, PolicyResult, Regime } from "../../model/comparison.ts";
import { tableHtml } from "./figure-table.ts";

const LINES: readonly (readonly [header: string, text: (result: PolicyResult) => string])[] = [
  ["Balancedness", ({ balancedness }) => decimals(balancedness, 3)],
  ["Node hops per token", ({ nodeHopsPerToken }) => decimals(nodeHopsPerToken, 3)],
  ["Hops per token", ({ hopsPerToken }) => decimals(hopsPerToken, 3)],
  ["Mean step, ms", ({ meanStepMs }) => milliseconds(meanStepMs)],
  ["Tokens/s per GPU", ({ tokensPerGpuSecond }) => decimals(tokensPerGpuSecond, 0)],
  ["Slots moved", ({ movedSlots }) => decimals(movedSlots, 0)],
];

/** The same recorded tokens through every policy, in the steps in which they ran and in full batches. */
export function comparisonHtml({ asRun, fullBatches, recordedShare }: Comparison): string {
  const share = `${decimals(recordedShare * 100, 1)} % of the run`;
  const parts = [regimeHtml(`In the steps in which they ran (${share})`, asRun)];
  if (fullBatches.steps > 0 && fullBatches.steps !== asRun.steps) {
    parts.push(regimeHtml("Joined into full batches, as under full load", fullBatches));
  }
  return parts.join("\n");
}

function regimeHtml(title: string, { policies, steps, tokens }: Regime): string {
  const caption = `${title}: ${decimals(tokens, 0)} tokens in ${decimals(steps, 0)} steps`;
  const table = tableHtml({
    caption,
    columns: ["", ...policies.map((policy) => policy.title)],
    rows: LINES.map(([header, text]) => ({ header, cells: policies.map(text) })),
  });
  return `<div class="panel"><h3>${caption}</h3>${table}</div>`;
}
