import { type Attributes, ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type HistogramMetricData } from "@opentelemetry/sdk-metrics";

interface Series {
  readonly attributes: Attributes;
  /** One for each bound, and one for what is above all of them. */
  readonly counts: Float64Array;
  sum: number;
}

/**
 * A histogram with a series for each pool. It counts by itself and OpenTelemetry reads it at a scrape: the SDK's own
 * instrument hashes the attributes at every observation, and these come with every frame.
 */
export class PoolHistogram {
  readonly #name: string;
  readonly #description: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();
  readonly #startTime: [number, number] = now();

  /** @param bounds inclusive upper bounds, ascending */
  constructor(name: string, description: string, bounds: readonly number[]) {
    this.#name = name;
    this.#description = description;
    this.#bounds = bounds;
  }

  record(pool: string, value: number): void {
    let series = this.#series.get(pool);
    if (series === undefined) {
      series = { attributes: { pool }, counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
      this.#series.set(pool, series);
    }
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    series.counts[bucket]++;
    series.sum += value;
  }

  collect(): HistogramMetricData {
    const endTime = now();
    return {
      descriptor: {
        name: this.#name,
        description: this.#description,
        unit: "",
        valueType: ValueType.DOUBLE,
      },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: Array.from(this.#series.values(), ({ attributes, counts, sum }) => ({
        startTime: this.#startTime,
        endTime,
        attributes,
        value: {
          buckets: { boundaries: [...this.#bounds], counts: [...counts] },
          sum,
          count: counts.reduce((total, count) => total + count, 0),
        },
      })),
    };
  }
}

/** As OpenTelemetry has it: seconds since 1970, and nanoseconds. */
function now(): [number, number] {
  const ms = Date.now();
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
}
