import Table from "cli-table3";
import { decimals, milliseconds } from "../../lib/number-text.ts";
import { oneLine } from "../../lib/printable.ts";
import type { DistributionSummary } from "../../replay/measures/distribution.ts";
import type { ClientVerdict } from "../../replay/client/verdict.ts";
import type { ReplaySummary } from "../../replay/measures/measures.ts";
import type { CheckedThreshold } from "../../replay/report/thresholds.ts";

const MOST_TEXTS = 3;
const LONGEST_TEXT = 120;

/**
 * What a replay measured, for a person to read.
 * @param client null where the client shares its core with what it measures, and nothing is said of it
 */
export function replayTable(outcome: ReplaySummary, client: ClientVerdict | null = null): string {
  const seconds = outcome.durationMs / 1000;
  const rate = (amount: number): string => decimals(amount / seconds, 1);
  const { completed, failed, cancelled, left, retried } = outcome;
  const table = new Table({
    head: ["Milliseconds", "mean", "p50", "p90", "p95", "p99", "p99.9"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  table.push(
    row("First token (TTFT)", outcome.ttftMs),
    row("Between tokens (ITL)", outcome.itlMs),
    row("TPOT (not the first)", outcome.tpotMs),
    row("End to end (E2E)", outcome.e2eMs),
    row("TTFT from the send", outcome.sentTtftMs),
    row("E2E from the send", outcome.sentE2eMs),
    row("Schedule delay", outcome.scheduleDelayMs),
  );
  return [
    `${completed} requests completed, ${failed} failed, ${cancelled} cancelled${left > 0 ? `, ${left} left by their users` : ""} in ${decimals(seconds, 1)} s`,
    ...(retried > 0 ? [`Sent again: ${retried} requests`] : []),
    ...failureLines(outcome),
    `Per second: ${rate(completed)} requests, ${rate(outcome.inputTokens)} tokens in, ${rate(outcome.outputTokens)} tokens out${outcome.good === null ? "" : `; good requests (goodput): ${rate(outcome.good)}`}`,
    `Output tokens: ${decimals(outcome.outputTokens, 0)} of ${decimals(outcome.askedTokens, 0)} asked for`,
    ...cacheLines(outcome),
    ...(client === null || client.valid
      ? []
      : [`NOT VALID: the client fell behind (${client.why.join("; ")})`]),
    table.toString(),
  ].join("\n");
}

/** One line for each threshold. */
export function thresholdLines(checked: readonly CheckedThreshold[]): string[] {
  return checked.map(
    ({ threshold, value, met }) => `${met ? "met" : "MISSED"}: ${threshold} (${decimals(value, 3)})`,
  );
}

function failureLines({ failures, errorTexts }: ReplaySummary): string[] {
  const reasons = Object.entries(failures).map(([reason, count]) => `${count} × ${reason}`);
  if (reasons.length === 0) return [];
  const texts = Object.entries(errorTexts)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, MOST_TEXTS)
    .map(([text, count]) => `  ${count} × ${oneLine(text, LONGEST_TEXT)}`);
  return [`Failures: ${reasons.join(", ")}`, ...texts];
}

function cacheLines({ cachedTokens, cacheableTokens }: ReplaySummary): string[] {
  if (cachedTokens === null || cacheableTokens === 0) return [];
  return [`Prefix cache: ${decimals((100 * cachedTokens) / cacheableTokens, 1)} % of the input tokens`];
}

function row(name: string, summary: DistributionSummary | null): string[] {
  const { mean, p50, p90, p95, p99, "p99.9": p999 } = summary ?? {};
  return [name, ...[mean, p50, p90, p95, p99, p999].map(milliseconds)];
}
