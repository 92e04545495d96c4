import { type Family, counter, gauge } from "../family.ts";
import type { Readings, ShardReading } from "../readings.ts";

/** The pools as requests are routed to them. */
export function shardFamilies(readings: Readings): Family[] {
  const ofShards = (name: string, help: string, value: (shard: ShardReading) => number) =>
    gauge(name, ["pool", "shard"], help, (observe) => {
      for (const shard of readings.shards()) observe(value(shard), shard.pool, shard.shard);
    });
  const reported = (name: string, help: string, value: (shard: ShardReading) => number | null) =>
    gauge(name, ["pool", "shard"], help, (observe) => {
      for (const shard of readings.shards()) {
        const found = value(shard);
        if (found !== null) observe(found, shard.pool, shard.shard);
      }
    });
  const { admission } = readings;
  return [
    gauge(
      "plimsoll_pool_info",
      ["pool", "model", "kind", "role", "policy"],
      "1 for each model of each pool's configuration",
      (observe) => {
        for (const { pool, models, kind, role, policy } of readings.deployed())
          for (const model of models) observe(1, pool, model, kind, role, policy);
      },
    ),
    ofShards(
      "plimsoll_shard_requests_in_flight",
      "Requests in flight on a shard, of all gateways that share a store",
      (s) => s.requests,
    ),
    ofShards("plimsoll_shard_tokens_in_flight", "Tokens those requests were estimated at", (s) => s.tokens),
    ofShards("plimsoll_shard_ready", "1 when its last probe says that it can serve", (s) => Number(s.ready)),
    ofShards("plimsoll_shard_admitting", "0 while a circuit or an ejection keeps requests away", (s) =>
      Number(s.admitting),
    ),
    ofShards(
      "plimsoll_shard_requests_waiting",
      "Requests that wait on a shard: as its engine reported last, less those that have ended since",
      (s) => s.waiting,
    ),
    reported(
      "plimsoll_shard_kv_use_ratio",
      "Part of a shard's KV cache in use, 0 to 1: as its engine reported last, and what has begun and ended since",
      (s) => s.kvUse,
    ),
    counter(
      "plimsoll_routed_experts_total",
      ["pool", "verdict"],
      "Routed experts found in answers, by what became of them",
      (observe) => {
        for (const { pool, counts } of readings.routedExperts())
          for (const [verdict, count] of Object.entries(counts)) observe(count, pool, verdict);
      },
    ),
    gauge("plimsoll_requests_in_flight", [], "Admitted requests that are not over", (observe) =>
      observe(admission().inFlight),
    ),
    gauge("plimsoll_requests_queued", [], "Requests that wait for admission", (observe) =>
      observe(admission().queued),
    ),
  ];
}

export function captureFamilies({ capture }: Readings): Family[] {
  return [
    gauge("plimsoll_capture_on", [], "1 while traffic is recorded as a trace", (observe) =>
      observe(Number(capture().on)),
    ),
    counter(
      "plimsoll_capture_requests_total",
      ["result"],
      "Requests that were recorded, and those that were dropped, by why",
      (observe) => {
        const { written, queueFull, unwritten } = capture();
        observe(written, "written");
        observe(queueFull, "queue_full");
        observe(unwritten, "unwritten");
      },
    ),
    counter(
      "plimsoll_capture_bytes_total",
      [],
      "Bytes of recorded requests, before they are compressed",
      (observe) => observe(capture().bytes),
    ),
  ];
}
