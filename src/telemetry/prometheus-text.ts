import { type Attributes, ValueType } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  DataPointType,
  type GaugeMetricData,
  type HistogramMetricData,
  type MetricData,
  type SumMetricData,
} from "@opentelemetry/sdk-metrics";
import { printable } from "../lib/printable.ts";
import type { Family } from "./family.ts";
import type { PoolHistogram } from "./pool-histogram.ts";

type Time = [number, number];
const NO_TIME: Time = [0, 0];
/** By the exporter's own version of the SDK. */
type Written = Parameters<PrometheusSerializer["serialize"]>[0];
const NO_RESOURCE: Written["resource"] = {
  attributes: {},
  merge: (other) => other ?? NO_RESOURCE,
  getRawAttributes: () => [],
};

/**
 * In Prometheus' text format. The data is made here, not by OpenTelemetry's meters: those go on with the last value of
 * every series that there ever was, and hash the labels at every observation, which of histograms come with every frame.
 */
export function prometheusText(families: readonly Family[], histograms: readonly PoolHistogram[]): string {
  // Without the scope and the target, which are OpenTelemetry's own.
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const metrics: MetricData[] = families.map(dataOf);
  for (const histogram of histograms) metrics.push(histogramData(histogram));
  const scope: unknown = { scope: { name: "plimsoll" }, metrics };
  return serializer.serialize({
    resource: NO_RESOURCE,
    scopeMetrics: [scope as Written["scopeMetrics"][number]],
  });
}

function dataOf(family: Family): MetricData {
  const { name, help: description, labels, kind } = family;
  const dataPoints: GaugeMetricData["dataPoints"] = [];
  family.read((value, ...values) => {
    const attributes: Attributes = {};
    labels.forEach((label, i) => {
      attributes[label] = printable(values[i]);
    });
    dataPoints.push({ startTime: NO_TIME, endTime: NO_TIME, attributes, value });
  });
  const shared = {
    descriptor: { name, description, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints,
  };
  if (kind === "gauge") return { ...shared, dataPointType: DataPointType.GAUGE } satisfies GaugeMetricData;
  return { ...shared, dataPointType: DataPointType.SUM, isMonotonic: true } satisfies SumMetricData;
}

function histogramData({ name, description, bounds, series }: PoolHistogram): HistogramMetricData {
  return {
    descriptor: { name, description, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: Array.from(series, ([pool, { counts, sum }]) => ({
      startTime: NO_TIME,
      endTime: NO_TIME,
      attributes: { pool: printable(pool) },
      value: {
        buckets: { boundaries: [...bounds], counts: [...counts] },
        sum,
        count: counts.reduce((total, count) => total + count, 0),
      },
    })),
  };
}
