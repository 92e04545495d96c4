import { expect, test } from "vitest";
import type { Metrics } from "../../src/telemetry/metrics.ts";
import { metricsOf } from "../metrics-of.ts";

async function linesOf(metrics: Metrics, start: string): Promise<string[]> {
  const text = await metrics.text();
  return text.split("\n").filter((line) => line.startsWith(start));
}

test("times are counted by pool, in cumulative buckets whose bounds are inclusive", async () => {
  const metrics = metricsOf();
  for (const ms of [2, 5, 5.5, 6000]) metrics.laterFrame("chat", ms);
  metrics.laterFrame("code", 1500);
  const lines = await linesOf(metrics, "plimsoll_itl_seconds");
  const bucket = (pool: string, bound: string) =>
    Number(
      lines
        .find((line) => line.includes(`_bucket{pool="${pool}",le="${bound}"}`))
        ?.split(" ")
        .at(-1),
    );
  expect(["0.002", "0.005", "0.01", "1", "5", "+Inf"].map((bound) => bucket("chat", bound))).toEqual([
    1, 2, 3, 3, 3, 4,
  ]);
  expect(["1", "5", "+Inf"].map((bound) => bucket("code", bound))).toEqual([0, 1, 1]);
  expect(lines).toContain('plimsoll_itl_seconds_count{pool="chat"} 4');
  expect(lines).toContain('plimsoll_itl_seconds_sum{pool="code"} 1.5');
  expect(await metrics.text()).toMatch(/^# TYPE plimsoll_itl_seconds histogram$/m);
});

test("requests are counted by outcome, from 0 on; those that left or were refused have no duration", async () => {
  const metrics = metricsOf();
  metrics.begin("chat", [], []);
  metrics.ended("chat", 100, "ok");
  metrics.ended("chat", 100, "cancelled");
  metrics.ended("chat", 100, "refused");
  metrics.ended("chat", 100, "failed");
  expect(await linesOf(metrics, "plimsoll_requests_total")).toEqual([
    'plimsoll_requests_total{pool="chat",outcome="ok"} 1',
    'plimsoll_requests_total{pool="chat",outcome="client_error"} 0',
    'plimsoll_requests_total{pool="chat",outcome="refused"} 1',
    'plimsoll_requests_total{pool="chat",outcome="failed"} 1',
    'plimsoll_requests_total{pool="chat",outcome="cancelled"} 1',
  ]);
  expect(await linesOf(metrics, "plimsoll_request_seconds_count")).toEqual([
    'plimsoll_request_seconds_count{pool="chat"} 2',
  ]);
});

test("every scrape has what was counted before it, by pool and reason, from 0 on", async () => {
  const metrics = metricsOf();
  metrics.beginEarly(["bad_host"]);
  metrics.begin("chat", [], ["queue_full", "too_long"]);
  metrics.refused("chat", "too_long");
  const first = await Promise.all([metrics.text(), metrics.text()]);
  for (const text of first) {
    expect(text).toContain('plimsoll_refused_total{pool="",reason="bad_host"} 0\n');
    expect(text).toContain('plimsoll_refused_total{pool="chat",reason="queue_full"} 0\n');
    expect(text).toContain('plimsoll_refused_total{pool="chat",reason="too_long"} 1\n');
    expect(text).toContain('plimsoll_resent_total{pool="chat"} 0\n');
  }
  metrics.refused("chat", "too_long");
  metrics.refused("code", "queue_full");
  metrics.resent("chat");
  const text = await metrics.text();
  expect(text).toContain('plimsoll_refused_total{pool="chat",reason="too_long"} 2\n');
  expect(text).toContain('plimsoll_refused_total{pool="code",reason="queue_full"} 1\n');
  expect(text).toContain('plimsoll_resent_total{pool="chat"} 1\n');
});

test("responses are counted by model, status and what went wrong, each known one from 0 on", async () => {
  const metrics = metricsOf();
  metrics.beginEarly(["model_not_found"]);
  metrics.begin("chat", ["small", "tiny"], ["queue_full", "engine_timeout"]);
  metrics.responded("chat", { model: "small", status: 200, errorType: "" });
  metrics.responded("chat", { model: "small", status: null, errorType: "queue_full" });
  metrics.responded("chat", { model: "small", status: 200, errorType: "engine_timeout" });
  metrics.responded("chat", { model: "small", status: 418, errorType: "engine_error" });
  metrics.refused("", "model_not_found");
  const lines = await linesOf(metrics, "plimsoll_responses_total{");
  const of = (labels: string) =>
    lines.find((line) => line.startsWith(`plimsoll_responses_total{${labels}} `));
  const count = (labels: string) => Number(of(labels)?.split(" ").at(-1) ?? "none");
  const small = 'pool="chat",model="small"';
  expect(count(`${small},status="200",error_type=""`)).toBe(1);
  expect(count(`${small},status="503",error_type="queue_full"`)).toBe(1);
  expect(count(`${small},status="504",error_type="engine_timeout"`)).toBe(0);
  expect(count(`${small},status="200",error_type="engine_timeout"`)).toBe(1);
  expect(count(`${small},status="499",error_type="cancelled"`)).toBe(0);
  // No known status: its class is enough.
  expect(count(`${small},status="4xx",error_type="engine_error"`)).toBe(1);
  expect(count('pool="chat",model="tiny",status="200",error_type=""')).toBe(0);
  expect(count('pool="",model="",status="404",error_type="model_not_found"')).toBe(1);
});

test("models that servers list have their own series up to a number, and names that would break the text are escaped", async () => {
  const metrics = metricsOf();
  metrics.begin("chat", ["small"], []);
  const hostile = '"}\\\n# HELP x\u0000\u202e\ud800';
  const tokens = { prompt: 3, answer: 2, cached: null, reported: true };
  metrics.tokens("chat", { ...tokens, model: hostile });
  metrics.tokens("chat", { ...tokens, model: "x".repeat(10_000) });
  for (let i = 0; i < 5000; i++) {
    metrics.tokens("chat", { ...tokens, model: `adapter-${i}` });
    metrics.responded("chat", { model: `adapter-${i}`, status: 200, errorType: "" });
  }
  metrics.tokens("chat", { ...tokens, model: "small" });
  const lines = await linesOf(metrics, "plimsoll_request_prompt_tokens_total{");
  expect(lines).toHaveLength(102);
  expect(lines).toContain('plimsoll_request_prompt_tokens_total{pool="chat",model="small"} 3');
  expect(lines).toContain(
    `plimsoll_request_prompt_tokens_total{pool="chat",model="other"} ${3 * (5000 - 98)}`,
  );
  expect(lines).toContain(
    'plimsoll_request_prompt_tokens_total{pool="chat",model="\\"}\\\\\\\\u000a# HELP x\\\\u0000\\\\u202e\\\\ud800"} 3',
  );
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(300);
  expect((await linesOf(metrics, "plimsoll_responses_total{")).length).toBeLessThan(102 * 10);
});

test("what is gone has no series any more", async () => {
  const shard = {
    pool: "chat",
    requests: 1,
    tokens: 1,
    ready: true,
    admitting: true,
    waiting: 0,
    kvUse: null,
  };
  let there = ["chat/a", "chat/b"];
  const metrics = metricsOf({ shards: () => there.map((name) => ({ ...shard, shard: name })) });
  expect(await linesOf(metrics, "plimsoll_shard_ready{")).toHaveLength(2);
  there = ["chat/b"];
  expect(await linesOf(metrics, "plimsoll_shard_ready{")).toEqual([
    'plimsoll_shard_ready{pool="chat",shard="chat/b"} 1',
  ]);
  expect(await linesOf(metrics, "plimsoll_shard_kv_use_ratio{")).toEqual([]);
});

test.each([
  [{}, { ttft: 1200, itl: 120, request: 3600 }],
  [{ firstTokenMs: 7_200_000 }, { ttft: 9600, itl: 120, request: 14_400 }],
  [{ idleMs: 500_000 }, { ttft: 1200, itl: 480 * 2, request: 3600 }],
])("buckets reach what the limits %j allow", async (limits, last) => {
  const metrics = metricsOf({}, limits);
  metrics.begin("chat", [], []);
  const lastOf = async (name: string) => {
    const bounds = (await linesOf(metrics, `plimsoll_${name}_seconds_bucket`)).map((line) =>
      Number(/le="([\d.]+)"/.exec(line)?.[1] ?? 0),
    );
    return Math.max(...bounds);
  };
  expect({ ttft: await lastOf("ttft"), itl: await lastOf("itl"), request: await lastOf("request") }).toEqual(
    last,
  );
});
