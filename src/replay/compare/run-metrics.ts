import { binMs, type RunValues, type Values } from "./run-values.ts";

const PERCENTS = [50, 95, 99] as const;
const LATENCIES = ["ttft", "tpot", "itl", "e2el"] as const;

export interface Metric {
  /** As the report has it. */
  readonly key: string;
  readonly better: "lower" | "higher";
  /** The part of the values that lie beyond it; null where all count. */
  readonly beyond: number | null;
}

/** In the order of `RunMetrics.of`. */
export const METRICS: readonly Metric[] = [
  ...LATENCIES.flatMap((name): Metric[] => [
    { key: `mean_${name}_ms`, better: "lower", beyond: null },
    ...PERCENTS.map((percent): Metric => {
      return { key: `p${percent}_${name}_ms`, better: "lower", beyond: 1 - percent / 100 };
    }),
  ]),
  { key: "failed_rate", better: "lower", beyond: null },
  { key: "goodput_rate", better: "higher", beyond: null },
  { key: "request_throughput", better: "higher", beyond: null },
  { key: "output_throughput", better: "higher", beyond: null },
];

interface Sorted {
  readonly values: Values;
  /** Rows with a value, by it. */
  readonly order: Uint32Array;
}

/** The metrics of a run when its requests are drawn so and so often. */
export class RunMetrics {
  readonly #run: RunValues;
  readonly #latencies: readonly Sorted[];
  /** Of the bins that hold a gap, ascending. */
  readonly #bins: Int32Array;
  readonly #binOf: Uint32Array;
  readonly #inBin: Float64Array;

  constructor(run: RunValues) {
    this.#run = run;
    this.#latencies = [run.ttftMs, run.tpotMs, run.e2eMs].map(sorted);
    this.#bins = Int32Array.from(new Set(run.gaps.bins)).sort();
    const places = new Map([...this.#bins].map((bin, place) => [bin, place]));
    this.#binOf = Uint32Array.from(run.gaps.bins, (bin) => places.get(bin) ?? 0);
    this.#inBin = new Float64Array(this.#bins.length);
  }

  /** How many requests have a value of each metric. */
  samples(): number[] {
    const [ttft, tpot, e2e] = this.#latencies.map(({ order }) => order.length);
    const each = (count: number): number[] => [count, ...PERCENTS.map(() => count)];
    const withGaps = this.#run.gaps.count.reduce((sum, count) => sum + Math.min(1, count), 0);
    const all = this.#run.count;
    return [...each(ttft), ...each(tpot), ...each(withGaps), ...each(e2e), all, all, all, all];
  }

  /** NaN where nothing was measured. @param drawn how often each row counts */
  of(drawn: Uint32Array): number[] {
    const { completed, failed, good, done, outputTokens, seconds } = this.#run;
    const [ttft, tpot, e2e] = this.#latencies.map((latency) => latencyMetrics(latency, drawn));
    const failures = weighted(failed, drawn);
    const ended = weighted(completed, drawn) + failures;
    return [
      ...ttft,
      ...tpot,
      ...this.#gapMetrics(drawn),
      ...e2e,
      failures / ended,
      good === null ? Number.NaN : weighted(good, drawn) / ended,
      weighted(done, drawn) / seconds,
      weighted(outputTokens, drawn) / seconds,
    ];
  }

  #gapMetrics(drawn: Uint32Array): number[] {
    const { begins, counts, count, sumMs } = this.#run.gaps;
    const inBin = this.#inBin.fill(0);
    for (let row = 0; row < drawn.length; row++) {
      const times = drawn[row];
      if (times === 0) continue;
      for (let i = begins[row]; i < begins[row + 1]; i++) inBin[this.#binOf[i]] += times * counts[i];
    }
    const all = weighted(count, drawn);
    const mean = weighted(sumMs, drawn) / all;
    const quantiles = atRanks(all, this.#bins.length, (i) => inBin[i]);
    return [mean, ...quantiles.map((place) => (place < 0 ? Number.NaN : binMs(this.#bins[place])))];
  }
}

function sorted(values: Values): Sorted {
  const rows = [...values.keys()].filter((row) => !Number.isNaN(values[row]));
  return { values, order: Uint32Array.from(rows.toSorted((a, b) => values[a] - values[b])) };
}

function latencyMetrics({ values, order }: Sorted, drawn: Uint32Array): number[] {
  let [all, sum] = [0, 0];
  for (const row of order) {
    all += drawn[row];
    sum += drawn[row] * values[row];
  }
  const places = atRanks(all, order.length, (i) => drawn[order[i]]);
  return [sum / all, ...places.map((place) => (place < 0 ? Number.NaN : values[order[place]]))];
}

/** Where the percentiles lie (nearest rank) in a list of so many; -1 in one of nothing. */
function atRanks(all: number, length: number, count: (i: number) => number): number[] {
  if (all === 0) return PERCENTS.map(() => -1);
  let [i, seen] = [-1, 0];
  return PERCENTS.map((percent) => {
    const rank = Math.max(1, Math.ceil((percent / 100) * all));
    while (seen < rank && i < length - 1) seen += count(++i);
    return i;
  });
}

function weighted(values: Values, drawn: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < drawn.length; i++) sum += values[i] * drawn[i];
  return sum;
}
