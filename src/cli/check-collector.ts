import type { Config } from "../config/config.ts";
import { OtlpSender } from "../telemetry/otlp/otlp-sender.ts";
import { type Finding, found, warned } from "./finding.ts";

const LONGEST_MS = 3000;

/** Whether the collector of spans takes a request without any; the gateway does without it. */
export async function checkCollector({ telemetry: { traces } }: Config): Promise<readonly Finding[]> {
  if (traces === null) return [];
  const { origin, pathname } = new URL(traces.url);
  const finding = found("", "telemetry", `spans go to ${origin}${pathname}`);
  const lacks: string[] = [];
  const losses = { lost: (_count: number, why: string) => lacks.push(why), taken: () => {} };
  const sender = new OtlpSender({ ...traces, timeoutMs: Math.min(LONGEST_MS, traces.timeoutMs) }, losses);
  await sender.send(Buffer.from(traces.encoding === "json" ? '{"resourceSpans":[]}' : ""), 0);
  sender.close();
  return [lacks.length === 0 ? finding : warned(finding, `they would be lost: ${lacks[0]}`)];
}
