import { JsonMetricsSerializer, ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import type { OtlpTarget, TelemetryConfig } from "../../config/telemetry-config.ts";
import type { EndObserver } from "../../serving/tracing/request-trace.ts";
import { OtlpSender } from "../otlp/otlp-sender.ts";
import { Outage } from "../otlp/outage.ts";
import { resourceOf } from "../otlp/resource-of.ts";
import type { TelemetryParts } from "../telemetry-parts.ts";
import { GenAiMetrics } from "./gen-ai-metrics.ts";

/** Measures that are sent. */
export interface OpenMeasures {
  readonly ends: EndObserver;
  /** Sends them once more, for so long at most. */
  close(limitMs: number): Promise<void>;
}

/** The measures of the GenAI conventions, sent to one collector at a regular pace. */
export function openGenAiMetrics(
  config: TelemetryConfig,
  target: OtlpTarget,
  { service, engineOf, onNotice }: TelemetryParts,
): OpenMeasures {
  const metrics = new GenAiMetrics(engineOf, performance, Date.now());
  const serializer = target.encoding === "json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const outage = new Outage("metrics", target.url, performance, onNotice);
  const sender = new OtlpSender(
    target,
    outage,
    (answer) => serializer.deserializeResponse(answer).partialSuccess?.rejectedDataPoints,
  );
  const resource = resourceOf(config, service);
  const scope = { name: "plimsoll", version: service.version };
  let sending: Promise<unknown> | null = null;
  const send = async () => {
    const read = [...metrics.read(Date.now())];
    if (read.length === 0) return;
    const bytes = serializer.serializeRequest({ resource, scopeMetrics: [{ scope, metrics: read }] });
    if (bytes !== undefined) await sender.send(bytes, 1);
  };
  const timer = setInterval(() => {
    // One that is slow gets the next ones together.
    sending ??= send().finally(() => {
      sending = null;
    });
  }, config.metricsEveryMs);
  timer.unref();
  return {
    ends: metrics,
    close: async (limitMs) => {
      clearInterval(timer);
      const late = setTimeout(() => sender.close(), limitMs);
      await sending;
      await send();
      clearTimeout(late);
      sender.close();
    },
  };
}
