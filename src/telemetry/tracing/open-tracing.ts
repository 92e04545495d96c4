import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { AlwaysOnSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import type { OtlpTarget, TelemetryConfig } from "../../config/telemetry-config.ts";
import type { RequestTracer } from "../../serving/tracing/request-trace.ts";
import { OtlpSender } from "../otlp/otlp-sender.ts";
import { Outage } from "../otlp/outage.ts";
import { resourceOf } from "../otlp/resource-of.ts";
import type { TelemetryParts } from "../telemetry-parts.ts";
import { SpanTracer } from "./request-tracer.ts";
import { SpanQueue } from "./span-queue.ts";
import { newSpanId, newTraceId } from "./trace-ids.ts";

/** Tracing that is on. */
interface Tracing {
  readonly tracer: RequestTracer;
  /** Sends what has ended, for so long at most; then nothing is sent any more. */
  close(limitMs: number): Promise<void>;
}

/** Spans to one collector. It is loaded where tracing is on, and with it the SDK. */
export function openTracing(config: TelemetryConfig, target: OtlpTarget, parts: TelemetryParts): Tracing {
  const { service, engineOf, onFault, onNotice } = parts;
  const outage = new Outage("spans", target.url, performance, onNotice);
  const serializer = target.encoding === "json" ? JsonTraceSerializer : ProtobufTraceSerializer;
  const sender = new OtlpSender(
    target,
    outage,
    (answer) => serializer.deserializeResponse(answer).partialSuccess?.rejectedSpans,
  );
  const provider = new TracerProvider({
    resource: resourceOf(config, service),
    // Who is not to be traced has no span.
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: newTraceId, generateSpanId: newSpanId },
    spanProcessors: [new SpanQueue(serializer.serializeRequest, sender, outage, config.spansEveryMs)],
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
