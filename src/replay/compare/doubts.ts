import type { Json } from "../report/json.ts";
import type { ReplayReport } from "../report/report.ts";
import { numberIn } from "../report/report-value.ts";
import type { Comparison } from "./compare-runs.ts";

/** What should be the same in both runs, and what people call it. */
const SAME: readonly (readonly [key: string, name: string])[] = [
  ["trace", "traces"],
  ["endpoint_type", "endpoints"],
  ["model", "models"],
  ["speed", "speeds"],
  ["load", "kinds of load"],
  ["request_rate", "request rates"],
  ["max_concurrency", "concurrencies"],
  ["seed", "seeds"],
  ["lengths", "ways of giving lengths (--lengths)"],
  ["prompts_counted_by", "ways of counting prompts"],
  ["cancel", "parts of users who leave"],
  ["retries", "numbers of retries"],
  ["max_in_flight", "limits of requests in flight"],
  ["goodput_targets_ms", "goodput targets"],
];
const RUNS = ["A", "B"] as const;

/** What makes a comparison of two runs doubtful: one line each. */
export function doubts(a: ReplayReport, b: ReplayReport, comparison: Comparison): string[] {
  const lines = SAME.filter(([key]) => text(a[key]) !== text(b[key])).map(
    ([key, name]) => `The ${name} differ: ${text(a[key])} and ${text(b[key])}.`,
  );
  for (const [i, report] of [a, b].entries()) {
    const client = report["client"] as { readonly valid?: boolean } | undefined;
    if (client?.valid === false)
      lines.push(`The client of run ${RUNS[i]} fell behind: its times are not the server's alone.`);
    const { partial } = report;
    if (typeof partial === "string") lines.push(`Run ${RUNS[i]} is partial: ${partial}.`);
    const frames = (report["output_tokens_counted_by"] as { readonly frames?: number } | undefined)?.frames;
    if (frames !== undefined && frames > 0)
      lines.push(
        `Run ${RUNS[i]} counts frames as tokens in ${frames} answers: its TPOT and tokens/s are wrong where a frame holds several.`,
      );
    const missed = (numberIn(report, "short_answers") ?? 0) + (numberIn(report, "long_answers") ?? 0);
    if (missed > 0) lines.push(`In run ${RUNS[i]} ${missed} answers were not as long as asked for.`);
  }
  if (!comparison.paired)
    lines.push(
      "The runs did not ask the same requests, so they are drawn independently: intervals are wider.",
    );
  if (comparison.short)
    lines.push(
      "A run has too few requests for ten blocks that do not depend on each other: intervals are too narrow.",
    );
  return lines;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
