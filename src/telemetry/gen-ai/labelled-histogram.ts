import type { Attributes, HrTime } from "@opentelemetry/api";
import { ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type HistogramMetricData } from "@opentelemetry/sdk-metrics";

/** Series beyond these are counted as one, without attributes: clients choose the names of models. */
const MOST_SERIES = 1000;
const OVERFLOW: Attributes = { "otel.metric.overflow": true };

interface Series {
  readonly attributes: Attributes;
  /** One for each bound, and one for what is above all of them. */
  readonly counts: number[];
  sum: number;
}

/** A histogram of seconds whose series have attributes: cumulative, since its start. */
export class LabelledHistogram {
  readonly #name: string;
  readonly #description: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();
  readonly #startTime: HrTime;

  /**
   * @param bounds inclusive upper bounds, ascending
   * @param startMs since 1970
   */
  constructor(name: string, description: string, bounds: readonly number[], startMs: number) {
    this.#name = name;
    this.#description = description;
    this.#bounds = bounds;
    this.#startTime = timeOf(startMs);
  }

  /** @param key that no other attributes have */
  record(key: string, attributes: () => Attributes, seconds: number): void {
    const series = this.#seriesOf(key, attributes);
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > bounds[bucket]) bucket++;
    series.counts[bucket]++;
    series.sum += seconds;
  }

  /** @param nowMs since 1970 */
  read(nowMs: number): HistogramMetricData {
    return {
      descriptor: {
        name: this.#name,
        description: this.#description,
        unit: "s",
        valueType: ValueType.DOUBLE,
      },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: Array.from(this.#series.values(), ({ attributes, counts, sum }) => ({
        startTime: this.#startTime,
        endTime: timeOf(nowMs),
        attributes,
        value: {
          buckets: { boundaries: [...this.#bounds], counts: [...counts] },
          sum,
          count: counts.reduce((total, count) => total + count, 0),
        },
      })),
    };
  }

  #seriesOf(key: string, attributes: () => Attributes): Series {
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const over = this.#series.size >= MOST_SERIES && key !== "";
    if (over) return this.#seriesOf("", () => OVERFLOW);
    const counts = Array.from({ length: this.#bounds.length + 1 }, () => 0);
    const series = { attributes: attributes(), counts, sum: 0 };
    this.#series.set(key, series);
    return series;
  }
}

/** As OpenTelemetry has it: seconds since 1970, and nanoseconds. */
function timeOf(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
