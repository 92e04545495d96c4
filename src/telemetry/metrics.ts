import type { Counter, Meter, ObservableResult } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { PoolReport } from "../model/pool-report.ts";
import { REQUEST_OUTCOMES, type RequestOutcome } from "../serving/traffic/traffic-observer.ts";
import { PoolHistogram } from "./pool-histogram.ts";

/** What a shard carries now. */
export interface ShardReading {
  readonly pool: string;
  readonly shard: string;
  readonly requests: number;
  readonly tokens: number;
  readonly ready: boolean;
  /** Whether circuits and ejections let requests through. */
  readonly admitting: boolean;
}

/** Requests that wait for admission, and admitted ones. */
export interface AdmissionReading {
  readonly inFlight: number;
  readonly queued: number;
}

/** One pool's control, as this gateway has it. */
export interface ControlReading {
  readonly pool: string;
  readonly leading: boolean;
  /** Terms as the leader that have begun here. */
  readonly terms: number;
  readonly rolloutsDone: number;
  readonly rolloutsGivenUp: number;
  /** Experts without a replica, summed over layers. */
  readonly missingExperts: number;
  /** How many ranks are live, lost, draining or drained. */
  readonly ranks: ReadonlyMap<string, number>;
  /** Load reports that this gateway received, by what became of them; null where ranks do not report by HTTP. */
  readonly reports: Readonly<Record<string, number>> | null;
}

/** What others left in the store and cannot be read here. */
export interface UnreadableReading {
  /** Empty for what does not concern one pool. */
  readonly pool: string;
  /** By its kind. */
  readonly dropped: ReadonlyMap<string, number>;
}

/** What became of the experts that a pool's answers reported. */
export interface RoutedExpertsReading {
  readonly pool: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Where the gauges read from, at the moment of a scrape. */
export interface Readings {
  control(): Iterable<ControlReading>;
  storeReachable(): boolean;
  unreadable(): Iterable<UnreadableReading>;
  /** How often the remote gateways did not receive what this one has in flight. */
  unsharedReports(): number;
  shards(): Iterable<ShardReading>;
  routedExperts(): Iterable<RoutedExpertsReading>;
  pools(): Iterable<PoolReport>;
  admission(): AdmissionReading;
}

const TTFT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const ITL_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5];
const DURATION_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** The instruments, and their text for Prometheus. Receives traffic from serving/traffic/traffic-meter.ts. */
export class Metrics {
  readonly #ttft = new PoolHistogram(
    "plimsoll_ttft_seconds",
    "Arrival to the first frame with content",
    TTFT_SECONDS,
  );
  readonly #itl = new PoolHistogram("plimsoll_itl_seconds", "Between two frames with content", ITL_SECONDS);
  readonly #duration = new PoolHistogram(
    "plimsoll_request_seconds",
    "Arrival to the end of the response",
    DURATION_SECONDS,
  );
  readonly #exporter = new PrometheusExporter({ preventServerStart: true });
  readonly #provider = new MeterProvider({ readers: [this.#exporter] });
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  /** By pool, then by outcome. */
  readonly #ended = new Map<string, Record<RequestOutcome, number>>();
  readonly #resent: Counter;
  readonly #refused: Counter;

  constructor(readings: Readings) {
    const meter = this.#provider.getMeter("plimsoll");
    meter
      .createObservableCounter("plimsoll_requests", { description: "Requests that ended, by outcome" })
      .addCallback((result) => {
        for (const [pool, outcomes] of this.#ended)
          for (const outcome of REQUEST_OUTCOMES) result.observe(outcomes[outcome], { pool, outcome });
      });
    this.#resent = meter.createCounter("plimsoll_resent", {
      description: "Requests sent once more: retries and hedges",
    });
    this.#refused = meter.createCounter("plimsoll_refused", {
      description: "Requests answered by the gateway itself, by reason",
    });
    observeShards(meter, readings);
    observePools(meter, readings);
    observeControl(meter, readings);
  }

  firstFrame(pool: string, sinceArrivalMs: number): void {
    this.#ttft.record(pool, sinceArrivalMs / 1000);
  }

  laterFrame(pool: string, sincePreviousMs: number): void {
    this.#itl.record(pool, sincePreviousMs / 1000);
  }

  /** The time until a client left or was refused says nothing about the answers: it is not in the histogram. */
  ended(pool: string, durationMs: number, outcome: RequestOutcome): void {
    this.#outcomesOf(pool)[outcome]++;
    if (outcome !== "cancelled" && outcome !== "refused") this.#duration.record(pool, durationMs / 1000);
  }

  /** Counters of a pool begin at 0, so that their first increase shows. @param reasons of refusals */
  begin(pool: string, reasons: readonly string[]): void {
    this.#outcomesOf(pool);
    this.#resent.add(0, { pool });
    this.beginRefusals(pool, reasons);
  }

  /** The same of refusals alone. @param pool empty for those of requests whose pool is not known */
  beginRefusals(pool: string, reasons: readonly string[]): void {
    for (const reason of reasons) this.#refused.add(0, { pool, reason });
  }

  resent(pool: string): void {
    this.#resent.add(1, { pool });
  }

  refused(pool: string, reason: string): void {
    this.#refused.add(1, { pool, reason });
  }

  /** Everything in Prometheus' text format. */
  async text(): Promise<string> {
    const { resourceMetrics } = await this.#exporter.collect();
    const { resource, scopeMetrics } = resourceMetrics;
    const metrics = [this.#ttft, this.#itl, this.#duration].map((histogram) => histogram.collect());
    const counted: ScopeMetrics = { scope: { name: "plimsoll" }, metrics };
    return this.#serializer.serialize({ resource, scopeMetrics: scopeMetrics.concat(counted) });
  }

  async close(): Promise<void> {
    await this.#provider.shutdown();
  }

  #outcomesOf(pool: string): Record<RequestOutcome, number> {
    const known = this.#ended.get(pool);
    if (known !== undefined) return known;
    const outcomes = { ok: 0, client_error: 0, refused: 0, failed: 0, cancelled: 0 };
    this.#ended.set(pool, outcomes);
    return outcomes;
  }
}

function observeShards(meter: Meter, readings: Readings): void {
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

function observePools(meter: Meter, readings: Readings): void {
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

function observeControl(meter: Meter, readings: Readings): void {
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
