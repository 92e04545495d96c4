import { type MetricSample, metricSamples } from "../../formats/prometheus-text.ts";
import type { LoadReport, ShardLoad } from "../../serving/engine.ts";
import { withoutLoad } from "./load-reports.ts";
import type { Answer } from "./server-connections.ts";

/** The metrics in which a kind of server reports its load; of several names the first that has series counts. */
export interface LoadMetrics {
  /** The path they are listed at. */
  readonly path: string;
  /** The label that distinguishes ranks; null where none does. */
  readonly rankLabel: string | null;
  readonly running: readonly string[];
  readonly waiting: readonly string[];
  readonly kvUse: readonly string[];
  /** Further metrics that `kvCapacityTokens` looks at. */
  readonly capacity: readonly string[];
  /** @param samples those of one rank */
  kvCapacityTokens(samples: readonly MetricSample[]): number | null;
}

/** The loads of ranks, from what their server lists as its metrics. */
export function loadsFromMetrics(
  metrics: LoadMetrics,
  { status, text }: Answer,
  ranks: readonly number[],
): LoadReport[] {
  const { path, rankLabel, running, waiting, kvUse, capacity } = metrics;
  if (status !== 200) return withoutLoad(ranks, `GET ${path} answered ${status}`);
  const samples = metricSamples(text, new Set([...running, ...waiting, ...kvUse, ...capacity]));
  return ranks.map((rank, local) => {
    // A server with one shard is that shard, with all its ranks.
    const own =
      ranks.length === 1 || rankLabel === null
        ? samples
        : samples.filter(({ labels }) => labels.get(rankLabel) === `${rank}`);
    const load = readLoad(metrics, own);
    if (load !== null) return { serves: true, load, lack: null };
    const known = samples.filter(({ name }) => running.includes(name));
    const lack = `GET ${path} lists no ${running[0]}`;
    if (known.length === 0) return lacking(lack);
    const others = new Set(known.map(({ labels }) => labels.get(rankLabel ?? "")));
    const only = `${lack} of ${rankLabel} ${rank}, only of ${[...others].join(", ")}`;
    // By other numbers (`rankOffsets`) it may be there all the same.
    return local < others.size ? lacking(only) : { serves: false, load: null, lack: only };
  });
}

function lacking(lack: string): LoadReport {
  return { serves: true, load: null, lack };
}

function readLoad(metrics: LoadMetrics, samples: readonly MetricSample[]): ShardLoad | null {
  const values = (names: readonly string[]) => {
    const series = names.map((name) => samples.filter((sample) => sample.name === name));
    return series.find((found) => found.length > 0)?.map(({ value }) => value) ?? null;
  };
  const running = values(metrics.running);
  const waiting = values(metrics.waiting);
  if (running === null || waiting === null) return null;
  const kvUse = values(metrics.kvUse);
  return {
    running: sum(running),
    waiting: sum(waiting),
    kvUse: kvUse === null ? null : part(sum(kvUse) / kvUse.length),
    kvCapacityTokens: metrics.kvCapacityTokens(samples),
  };
}

/** A use that is a number between 0 and 1, else null: a rank that has no cache yet reports NaN. */
export function part(use: number): number | null {
  return use >= 0 && use <= 1 ? use : null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
