import Table from "cli-table3";
import type { DistributionSummary } from "../../replay/distribution.ts";
import type { ReplaySummary } from "../../replay/measures.ts";
import { decimals, milliseconds } from "../../lib/number-text.ts";

/** What a replay measured, for a person to read. */
export function replayTable(summary: ReplaySummary): string {
  const seconds = summary.durationMs / 1000;
  const rate = (amount: number): string => decimals(amount / seconds, 1);
  const reasons = Object.entries(summary.failures).map(([reason, count]) => `${count} × ${reason}`);
  const table = new Table({
    head: ["Milliseconds", "mean", "p50", "p90", "p95", "p99"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  table.push(
    row("First token (TTFT)", summary.ttftMs),
    row("Between tokens (ITL)", summary.itlMs),
    row("Per token after the first (TPOT)", summary.tpotMs),
    row("End to end (E2E)", summary.e2eMs),
    row("Schedule delay", summary.scheduleDelayMs),
  );
  return [
    `${summary.completed} requests completed, ${summary.failed} failed, ${summary.cancelled} cancelled in ${decimals(seconds, 1)} s`,
    ...(reasons.length === 0 ? [] : [`Failures: ${reasons.join(", ")}`]),
    `Per second: ${rate(summary.completed)} requests, ${rate(summary.inputTokens)} tokens in, ${rate(summary.outputTokens)} tokens out`,
    table.toString(),
  ].join("\n");
}

function row(name: string, summary: DistributionSummary | null): string[] {
  const { mean, p50, p90, p95, p99 } = summary ?? {};
  return [name, ...[mean, p50, p90, p95, p99].map(milliseconds)];
}
