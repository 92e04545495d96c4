import { type Meter, ValueType } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  MeterProvider,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import { REQUEST_OUTCOMES } from "../serving/traffic/traffic-observer.ts";
import type { Counted } from "./counted.ts";
import { observeEngines } from "./observe-engines.ts";
import { observeCapture, observeControl, observePools, observeShards } from "./observe-readings.ts";
import type { PoolHistogram } from "./pool-histogram.ts";
import type { Readings } from "./readings.ts";

/** The instruments, and their text for Prometheus. */
export class PrometheusText {
  readonly #exporter = new PrometheusExporter({ preventServerStart: true });
  readonly #provider = new MeterProvider({ readers: [this.#exporter] });
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  readonly #times: readonly PoolHistogram[];

  constructor(counted: Counted, readings: Readings) {
    this.#times = counted.times;
    const meter = this.#provider.getMeter("plimsoll");
    observeCounted(meter, counted);
    observeTokens(meter, counted);
    observeShards(meter, readings);
    observeCapture(meter, readings);
    observePools(meter, readings);
    observeEngines(meter, readings);
    observeControl(meter, readings);
  }

  async read(): Promise<string> {
    const { resourceMetrics } = await this.#exporter.collect();
    const { resource, scopeMetrics } = resourceMetrics;
    const times: ScopeMetrics = { scope: { name: "plimsoll" }, metrics: this.#times.map(dataOf) };
    return this.#serializer.serialize({ resource, scopeMetrics: scopeMetrics.concat(times) });
  }

  async close(): Promise<void> {
    await this.#provider.shutdown();
  }
}

function observeCounted(meter: Meter, { ended, resent, refused }: Counted): void {
  meter
    .createObservableCounter("plimsoll_requests", { description: "Requests that ended, by outcome" })
    .addCallback((result) => {
      for (const [pool, outcomes] of ended)
        for (const outcome of REQUEST_OUTCOMES) result.observe(outcomes[outcome], { pool, outcome });
    });
  meter
    .createObservableCounter("plimsoll_resent", {
      description: "Requests sent once more: retries and hedges",
    })
    .addCallback((result) => {
      for (const [pool, count] of resent) result.observe(count, { pool });
    });
  meter
    .createObservableCounter("plimsoll_refused", {
      description: "Requests answered by the gateway itself, by reason",
    })
    .addCallback((result) => {
      for (const [pool, reasons] of refused)
        for (const [reason, count] of reasons) result.observe(count, { pool, reason });
    });
}

function observeTokens(meter: Meter, { tokens }: Pick<Counted, "tokens">): void {
  meter
    .createObservableCounter("plimsoll_counted_prompts", {
      description: "Prompts that were answered, by who counted their tokens",
    })
    .addCallback((result) => {
      for (const [pool, { reported, estimated }] of tokens) {
        result.observe(reported, { pool, by: "engine" });
        result.observe(estimated, { pool, by: "estimate" });
      }
    });
  meter
    .createObservableCounter("plimsoll_cacheable_tokens", {
      description: "Tokens of prompts of which the engine says whether they were in its cache",
    })
    .addCallback((result) => {
      for (const [pool, { cached, uncached }] of tokens) {
        result.observe(cached, { pool, cached: "yes" });
        result.observe(uncached, { pool, cached: "no" });
      }
    });
}

/** The SDK's own histogram hashes the attributes at every observation, and these come with every frame. */
function dataOf({ name, description, bounds, startMs, series }: PoolHistogram): HistogramMetricData {
  const startTime = timeOf(startMs);
  const endTime = timeOf(Date.now());
  return {
    descriptor: { name, description, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: Array.from(series, ([pool, { counts, sum }]) => ({
      startTime,
      endTime,
      attributes: { pool },
      value: {
        buckets: { boundaries: [...bounds], counts: [...counts] },
        sum,
        count: counts.reduce((total, count) => total + count, 0),
      },
    })),
  };
}

/** As OpenTelemetry has it: seconds since 1970, and nanoseconds. */
function timeOf(ms: number): [number, number] {
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
}
