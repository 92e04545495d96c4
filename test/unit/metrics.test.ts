import { expect, test } from "vitest";
import { Metrics } from "../../src/telemetry/metrics.ts";

const NOTHING = {
  control: () => [],
  storeReachable: () => true,
  unsharedReports: () => 0,
  unreadable: () => [],
  shards: () => [],
  routedExperts: () => [],
  pools: () => [],
  engines: () => [],
  admission: () => ({ inFlight: 0, queued: 0 }),
  capture: () => ({ on: false, written: 0, bytes: 0, queueFull: 0, unwritten: 0 }),
};

async function linesOf(metrics: Metrics, start: string): Promise<string[]> {
  const text = await metrics.text();
  return text.split("\n").filter((line) => line.startsWith(start));
}

test("times are counted by pool, in cumulative buckets whose bounds are inclusive", async () => {
  const metrics = new Metrics(NOTHING);
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
  await metrics.close();
});

test("requests are counted by outcome, from 0 on; those that left or were refused have no duration", async () => {
  const metrics = new Metrics(NOTHING);
  metrics.begin("chat", []);
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
  await metrics.close();
});

test("every scrape has what was counted before it, by pool and reason, from 0 on", async () => {
  const metrics = new Metrics(NOTHING);
  metrics.beginRefusals("", ["bad_host"]);
  metrics.begin("chat", ["queue_full", "too_long"]);
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
  await metrics.close();
});
