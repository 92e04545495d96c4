import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { AlwaysOnSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import type { OtlpTarget, TelemetryConfig } from "../../config/telemetry-config.ts";
import { OtlpSender } from "../otlp/otlp-sender.ts";
import { Outage } from "../otlp/outage.ts";
import { resourceOf } from "../otlp/resource-of.ts";
import { SpanTracer } from "./request-tracer.ts";
import { SpanQueue } from "./span-queue.ts";
import { newSpanId, newTraceId } from "./trace-ids.ts";
import type { TraceTerms } from "./trace-terms.ts";
import type { Tracing, TracingParts } from "./tracing-of.ts";

/** Spans to one collector. It is loaded where tracing is on, and with it the SDK. */
export function openTracing(
  config: TelemetryConfig,
  target: OtlpTarget,
  parts: TracingParts & Pick<TraceTerms, "engineOf">,
): Omit<Tracing, "reload"> {
  const { service, engineOf, onFault, onNotice } = parts;
  const outage = new Outage("spans", target.url, performance, onNotice);
  const sender = new OtlpSender(target, outage);
  const { serializeRequest } = target.encoding === "json" ? JsonTraceSerializer : ProtobufTraceSerializer;
  const provider = new TracerProvider({
    resource: resourceOf(config, service),
    // Who is not to be traced has no span.
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: newTraceId, generateSpanId: newSpanId },
    spanProcessors: [new SpanQueue(serializeRequest, sender, outage, config.spansEveryMs)],
  });
  const tracer = provider.getTracer("plimsoll", service.version);
  const { genAi, names, propagates, sampling } = config;
  return {
    tracer: new SpanTracer({ tracer, genAi, names, propagates, engineOf, onFault }, sampling),
    close: async (limitMs) => {
      const late = setTimeout(() => sender.close(), limitMs);
      await provider.shutdown();
      clearTimeout(late);
      sender.close();
    },
  };
}
