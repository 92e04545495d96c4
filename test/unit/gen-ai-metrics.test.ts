import { expect, test } from "vitest";
import type { FlightEnd } from "../../src/serving/tracing/request-trace.ts";
import { RequestTiming, TrafficMeter } from "../../src/serving/traffic/traffic-meter.ts";
import { UNHEARD } from "../../src/serving/traffic/unheard.ts";
import { GenAiMetrics } from "../../src/telemetry/gen-ai/gen-ai-metrics.ts";
import { HandClock } from "../hand-clock.ts";

const CHAT = "/v1/chat/completions";

function measured() {
  const clock = new HandClock();
  const meter = new TrafficMeter(clock, UNHEARD);
  const metrics = new GenAiMetrics((pool) => (pool === "chat" ? "vllm" : "openai"), clock, 1_700_000_000_250);
  /** One request: its first frame after so long, its end after so long. */
  const request = (
    { firstMs = null, endMs }: { readonly firstMs?: number | null; readonly endMs: number },
    more: Partial<FlightEnd> & {
      readonly path?: string;
      readonly model?: string;
      readonly answer?: number;
    } = {},
  ) => {
    const { path = CHAT, model = "small", answer = null, ...end } = more;
    const timing: RequestTiming = meter.begin("chat");
    const beganMs = clock.ms;
    if (firstMs !== null) {
      clock.ms = beganMs + firstMs;
      timing.contentFrames(1);
    }
    clock.ms = beganMs + endMs;
    const tokens = { model, prompt: 1, answer, cached: null, reported: true };
    metrics.ended("chat", path, model, { outcome: "ok", errorType: "", timing, tokens, ...end });
  };
  const read = () =>
    metrics.read(1_700_000_060_000).flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value: { sum, count, buckets } }) => ({
        name: descriptor.name,
        unit: descriptor.unit,
        attributes,
        sum,
        count,
        filled: buckets.counts.flatMap((of, i) => (of === 0 ? [] : [[buckets.boundaries[i] ?? "more", of]])),
      })),
    );
  return { metrics, request, read };
}

const GENERAL = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "vllm",
  "gen_ai.request.model": "small",
};

test("a streamed answer is measured whole, to its first token, and for each further one", () => {
  const { request, read } = measured();
  request({ firstMs: 100, endMs: 1100 }, { answer: 11 });
  const shared = { unit: "s", attributes: GENERAL, count: 1 };
  expect(read()).toEqual([
    { ...shared, name: "gen_ai.server.request.duration", sum: 1.1, filled: [[1.28, 1]] },
    { ...shared, name: "gen_ai.server.time_to_first_token", sum: 0.1, filled: [[0.1, 1]] },
    { ...shared, name: "gen_ai.server.time_per_output_token", sum: 0.1, filled: [[0.1, 1]] },
  ]);
});

test("what failed has its reason, and no times of tokens; who left is not measured", () => {
  const { request, read } = measured();
  request({ firstMs: 100, endMs: 200_000 }, { outcome: "failed", errorType: "engine_failed", answer: 5 });
  request({ endMs: 10 }, { outcome: "client_error", errorType: "engine_error", tokens: null });
  request({ endMs: 10 }, { outcome: "refused", errorType: "queue_full", tokens: null });
  request({ firstMs: 1, endMs: 10 }, { outcome: "cancelled", errorType: "cancelled", tokens: null });
  expect(read().map(({ name, attributes, filled }) => [name, attributes["error.type"], filled])).toEqual([
    ["gen_ai.server.request.duration", "engine_failed", [["more", 1]]],
    ["gen_ai.server.request.duration", "engine_error", [[0.01, 1]]],
    ["gen_ai.server.request.duration", "queue_full", [[0.01, 1]]],
  ]);
});

test("routes are told apart by their operation; those that are none are not measured", () => {
  const { request, read } = measured();
  for (const path of [
    "/v1/messages",
    "/v1/completions?a=b",
    "/v1/embeddings",
    "/tokenize",
    "/v1/responses/1",
  ])
    request({ endMs: 5 }, { path });
  expect(read().map(({ attributes, count }) => [attributes["gen_ai.operation.name"], count])).toEqual([
    ["chat", 1],
    ["text_completion", 1],
    ["embeddings", 1],
  ]);
});

test("it adds up since the start, and says both times", () => {
  const { metrics, request } = measured();
  request({ endMs: 20 });
  request({ endMs: 30 });
  const [{ dataPoints }] = metrics.read(1_700_000_060_000);
  expect(dataPoints).toHaveLength(1);
  expect(dataPoints[0]).toMatchObject({
    startTime: [1_700_000_000, 250_000_000],
    endTime: [1_700_000_060, 0],
    value: { count: 2, sum: 0.05 },
  });
});

test("series are bounded: further ones are one", () => {
  const { request, read } = measured();
  for (let i = 0; i < 1005; i++) request({ endMs: 5 }, { model: `m${i}` });
  const series = read();
  expect(series).toHaveLength(1001);
  expect(series.at(-1)).toMatchObject({ attributes: { "otel.metric.overflow": true }, count: 5 });
});
