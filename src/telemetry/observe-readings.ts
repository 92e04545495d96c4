import type { Meter, ObservableResult } from "@opentelemetry/api";
import type { PoolReport } from "../model/pool-report.ts";
import type { ControlReading, Readings, ShardReading } from "./readings.ts";

export function observeShards(meter: Meter, readings: Readings): void {
  const gauge = (name: string, description: string, value: (shard: ShardReading) => number) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      for (const shard of readings.shards())
        result.observe(value(shard), { pool: shard.pool, shard: shard.shard });
    });
  gauge(
    "plimsoll_shard_requests_in_flight",
    "Requests in flight on a shard, of all gateways that share a store",
    (s) => s.requests,
  );
  gauge("plimsoll_shard_tokens_in_flight", "Tokens those requests were estimated at", (s) => s.tokens);
  gauge("plimsoll_shard_ready", "1 when its last probe says that it can serve", (s) => Number(s.ready));
  gauge("plimsoll_shard_admitting", "0 while a circuit or an ejection keeps requests away", (s) =>
    Number(s.admitting),
  );
  meter
    .createObservableCounter("plimsoll_routed_experts", {
      description: "Routed experts found in answers, by what became of them",
    })
    .addCallback((result) => {
      for (const { pool, counts } of readings.routedExperts())
        for (const [verdict, count] of Object.entries(counts)) result.observe(count, { pool, verdict });
    });
  const { admission } = readings;
  meter
    .createObservableGauge("plimsoll_requests_in_flight", {
      description: "Admitted requests that are not over",
    })
    .addCallback((result) => result.observe(admission().inFlight));
  meter
    .createObservableGauge("plimsoll_requests_queued", { description: "Requests that wait for admission" })
    .addCallback((result) => result.observe(admission().queued));
}

export function observeCapture(meter: Meter, readings: Readings): void {
  const { capture } = readings;
  meter
    .createObservableGauge("plimsoll_capture_on", { description: "1 while traffic is recorded as a trace" })
    .addCallback((result) => result.observe(Number(capture().on)));
  meter
    .createObservableCounter("plimsoll_capture_requests", {
      description: "Requests that were recorded, and those that were dropped, by why",
    })
    .addCallback((result) => {
      const { written, queueFull, unwritten } = capture();
      result.observe(written, { result: "written" });
      result.observe(queueFull, { result: "queue_full" });
      result.observe(unwritten, { result: "unwritten" });
    });
  meter
    .createObservableCounter("plimsoll_capture_bytes", {
      description: "Bytes of recorded requests, before they are compressed",
    })
    .addCallback((result) => result.observe(capture().bytes));
}

export function observePools(meter: Meter, readings: Readings): void {
  const each = (value: (report: PoolReport) => number | null) => (result: ObservableResult) => {
    for (const report of readings.pools()) {
      const reading = value(report);
      if (reading !== null && Number.isFinite(reading)) result.observe(reading, { pool: report.pool });
    }
  };
  const gauge = (name: string, description: string, value: (report: PoolReport) => number | null) =>
    meter.createObservableGauge(name, { description }).addCallback(each(value));
  gauge("plimsoll_epoch", "The epoch that requests are routed by", (r) => r.epoch);
  gauge("plimsoll_balancedness", "Sum of mean over sum of maximum GPU load, 0 to 1", (r) => r.balancedness);
  gauge("plimsoll_node_hops_per_token", "Node hops per token and layer", (r) => r.nodeHopsPerToken);
  gauge("plimsoll_hops_per_token", "Rank hops per token and layer", (r) => r.hopsPerToken);
  gauge("plimsoll_tokens_per_second", "Tokens the pool forwarded per second", (r) => r.tokensPerSecond);
  meter
    .createObservableCounter("plimsoll_moved_slots", {
      description: "Physical experts moved since the start",
    })
    .addCallback(each((r) => r.movedSlots));
  meter
    .createObservableGauge("plimsoll_unused_ranks", {
      description: "Ranks whose reported loads the last window is made without, by why",
    })
    .addCallback((result) => {
      for (const { pool, loads } of readings.pools()) {
        if (loads === null) continue;
        result.observe(loads.otherKind.length, { pool, why: "other_kind" });
        result.observe(loads.missing.length, { pool, why: "missing" });
        result.observe(loads.implausible.length, { pool, why: "implausible" });
      }
    });
}

export function observeControl(meter: Meter, readings: Readings): void {
  meter
    .createObservableGauge("plimsoll_store_reachable", { description: "1 while the store answers" })
    .addCallback((result) => result.observe(Number(readings.storeReachable())));
  meter
    .createObservableCounter("plimsoll_unshared_reports", {
      description: "Times that remote gateways did not receive what this one has in flight",
    })
    .addCallback((result) => result.observe(readings.unsharedReports()));
  meter
    .createObservableCounter("plimsoll_unreadable", {
      description: "What others left in the store, cannot be read here and was dropped, by kind",
    })
    .addCallback((result) => {
      for (const { pool, dropped } of readings.unreadable())
        for (const [kind, count] of dropped) result.observe(count, { pool, kind });
    });
  const each =
    (observe: (control: ControlReading, result: ObservableResult) => void) => (result: ObservableResult) => {
      for (const control of readings.control()) observe(control, result);
    };
  meter
    .createObservableGauge("plimsoll_leader", { description: "1 where this gateway leads the pool" })
    .addCallback(each(({ pool, leading }, result) => result.observe(Number(leading), { pool })));
  meter
    .createObservableCounter("plimsoll_terms", { description: "Terms as the leader begun here" })
    .addCallback(each(({ pool, terms }, result) => result.observe(terms, { pool })));
  meter
    .createObservableGauge("plimsoll_missing_experts", {
      description: "Experts without a replica, over all layers: the pool is degraded",
    })
    .addCallback(each(({ pool, missingExperts }, result) => result.observe(missingExperts, { pool })));
  meter.createObservableGauge("plimsoll_ranks", { description: "Ranks by state" }).addCallback(
    each(({ pool, ranks }, result) => {
      for (const [state, count] of ranks) result.observe(count, { pool, state });
    }),
  );
  meter
    .createObservableCounter("plimsoll_rollouts", { description: "Placements rolled out here, by outcome" })
    .addCallback(
      each(({ pool, rolloutsDone, rolloutsGivenUp }, result) => {
        result.observe(rolloutsDone, { pool, outcome: "done" });
        result.observe(rolloutsGivenUp, { pool, outcome: "given_up" });
      }),
    );
  meter
    .createObservableCounter("plimsoll_load_reports", { description: "Load reports, by what became of them" })
    .addCallback(
      each(({ pool, reports }, result) => {
        for (const [verdict, count] of Object.entries(reports ?? {}))
          result.observe(count, { pool, verdict });
      }),
    );
}
