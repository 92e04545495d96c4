import { batchEstimate } from "../../lib/batch-estimate.ts";
import {
  type Estimate,
  type Interval,
  differenceInterval,
  intervalOf,
  ratioEstimate,
} from "../../lib/ratio-interval.ts";
import { gpuCount } from "../../model/topology.ts";
import { SOURCES, type Source } from "./known-experts.ts";
import { type StepBatch, type Time, type Worlds, worlds } from "./locality-tally.ts";
import type { ModelLocality } from "./model-locality.ts";
import { stepPredictor } from "./predicted-step.ts";

/** What a comparison is of: all requests as they went and as they would have gone; two parts of the sessions; periods. */
export type Comparison = "shadow" | "sessions" | "periods" | "none";

/** What steps read. */
export interface ExpertsCompared {
  /** Batches of time, of which means are taken. */
  readonly batches: number;
  /** Requests whose experts answers have named. */
  readonly requests: number;
  readonly stepTokens: number;
  /** Of a layer; null where an arm has nothing. */
  readonly distinct: Worlds<number | null>;
  /** On the GPU that reads the most; null also where it is not known where experts are. */
  readonly fullestGpu: Worlds<number | null>;
  /** Of a token in a layer, by the shares in force; null also where it is not known where experts are. */
  readonly nodeHops: Worlds<number | null>;
  /** By the cost model; null where the pools do not say on how many GPUs they are. */
  readonly stepMs: Worlds<number | null>;
  /** What `locality` reads less, in parts of what `control` does, with its 95 % interval. */
  readonly saved: number | null;
  readonly interval: Interval | null;
}

/** What requests took. */
export interface TimesCompared {
  readonly ms: Worlds<Estimate | null>;
  /** Of `locality` over `control`; null where one has nothing. */
  readonly difference: number | null;
  readonly interval: Interval | null;
}

/** What is known of one model's requests by their experts, in one gateway. Plain JSON. */
export interface LocalityReport {
  readonly model: string;
  readonly mode: "shadow" | "on";
  readonly percent: number;
  readonly switchbackMinutes: number | null;
  readonly loadBand: number;
  readonly comparison: Comparison;
  /** The arm of the period under way; null without. */
  readonly period: string | null;
  /** It counts what went through its processes, and nothing else. */
  readonly gateway: string;
  /** ISO 8601: since the settings last changed, or the start. */
  readonly since: string;
  readonly now: string;
  readonly known: {
    readonly requests: number;
    readonly by: Readonly<Record<Source | "nothing", number>>;
    /** Turns, prefixes, sessions and tenants that something is known of. */
    readonly kinds: number;
    /** Requests that the groups in force were learned from, wherever and whenever that was; 0 for none. */
    readonly groupRequests: number;
    /** Since the start: that named experts and were learned from, and that came too fast. */
    readonly answers: { readonly learned: number; readonly ignored: number };
  };
  /** Of the requests those that were chosen for by experts, and in the shadow those that would have gone elsewhere. */
  readonly choices: { readonly sent: number; readonly byExperts: number; readonly elsewhere: number };
  readonly pools: readonly {
    readonly pool: string;
    readonly requests: Worlds<number>;
    readonly tokens: Worlds<number>;
  }[];
  /** What the fullest pool held when a request was sent, in the mean of the pools: as requests went, and as they would have gone. */
  readonly fullest: Worlds<number | null>;
  readonly experts: ExpertsCompared | null;
  /** Null in the shadow: nothing is sent otherwise. */
  readonly times: Readonly<Record<Time, TimesCompared>> | null;
}

/** @param nowMs since 1970 */
export function localityReport(locality: ModelLocality, nowMs: number, gateway: string): LocalityReport {
  const { model, settings, tally, pools, kinds, answers, period } = locality;
  const { mode, percent, switchbackMinutes, loadBand } = settings;
  const comparison = comparisonOf(settings);
  const by = Object.fromEntries(
    [...SOURCES, "nothing" as const].map((source) => [source, tally.known[source].requests]),
  ) as LocalityReport["known"]["by"];
  return {
    model,
    mode,
    percent,
    switchbackMinutes,
    loadBand,
    comparison,
    period: period?.arm ?? null,
    gateway,
    since: new Date(tally.sinceMs).toISOString(),
    now: new Date(nowMs).toISOString(),
    known: {
      requests: Object.values(by).reduce((sum, one) => sum + one, 0),
      by,
      kinds,
      groupRequests: locality.learning.requests,
      answers,
    },
    choices: { ...tally.choices },
    pools: pools.map(({ name }, i) => ({
      pool: name,
      requests: worlds((arm) => tally.sent[arm].requests[i]),
      tokens: worlds((arm) => tally.sent[arm].tokens[i]),
    })),
    fullest: worlds((arm) => ratioEstimate([tally.fullest[arm]])?.mean ?? null),
    experts: expertsOf(locality, comparison),
    times: mode === "shadow" ? null : { tpot: timesOf(locality, "tpot"), ttft: timesOf(locality, "ttft") },
  };
}

function comparisonOf({ mode, percent, switchbackMinutes }: ModelLocality["settings"]): Comparison {
  if (mode === "shadow") return "shadow";
  if (switchbackMinutes !== null) return "periods";
  return percent > 0 && percent < 100 ? "sessions" : "none";
}

function expertsOf(locality: ModelLocality, comparison: Comparison): ExpertsCompared | null {
  const { batches } = locality.tally;
  if (batches.length === 0) return null;
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const stepTokens = mean(batches.map((batch) => batch.stepTokens));
  const of = (figure: "distinctExperts" | "fullestGpuExperts" | "nodeHops") =>
    worlds((arm) => {
      const values = batches.flatMap((batch) => batch[figure][arm] ?? []);
      return values.length === 0 ? null : mean(values);
    });
  const [distinct, fullestGpu] = [of("distinctExperts"), of("fullestGpuExperts")];
  return {
    batches: batches.length,
    requests: batches.reduce((sum, { requests }) => sum + requests, 0),
    stepTokens,
    distinct,
    fullestGpu,
    nodeHops: of("nodeHops"),
    stepMs: predicted(locality, stepTokens, distinct, fullestGpu),
    ...savedOf(batches, comparison, distinct.control),
  };
}

/** Batches of both arms are compared one by one; those of periods, whole periods with each other. */
function savedOf(
  batches: readonly StepBatch[],
  comparison: Comparison,
  control: number | null,
): Pick<ExpertsCompared, "saved" | "interval"> {
  const nothing = { saved: null, interval: null };
  if (control === null || comparison === "none") return nothing;
  if (comparison === "periods") {
    const [a, b] = (["control", "locality"] as const).map((arm) => ratioEstimate(byPeriod(batches, arm)));
    if (a === null || b === null) return nothing;
    return { saved: 1 - b.mean / a.mean, interval: scaled(differenceInterval(a, b), a.mean) };
  }
  const pairs = batches.flatMap(({ distinctExperts: { control: a, locality: b } }) =>
    a === null || b === null ? [] : [a - b],
  );
  const less = batchEstimate(pairs);
  if (less === null) return nothing;
  return { saved: less.mean / control, interval: scaled(intervalOf(less), control) };
}

function byPeriod(batches: readonly StepBatch[], arm: "control" | "locality") {
  const units = new Map<number, { sum: number; count: number }>();
  for (const { period, distinctExperts } of batches) {
    const value = distinctExperts[arm];
    if (value === null) continue;
    const unit = units.get(period) ?? { sum: 0, count: 0 };
    units.set(period, { sum: unit.sum + value, count: unit.count + 1 });
  }
  return [...units.values()];
}

function scaled(interval: Interval | null, by: number): Interval | null {
  return interval === null ? null : { low: interval.low / by, high: interval.high / by };
}

/** Without a placement every GPU is taken to read as many. */
function predicted(
  { moe, pools }: ModelLocality,
  stepTokens: number,
  distinct: Worlds<number | null>,
  fullest: Worlds<number | null>,
): Worlds<number | null> {
  const topology = pools
    .map(({ deployment }) => deployment?.experts?.topology)
    .find((one) => one !== undefined);
  if (topology === undefined) return worlds(() => null);
  const msOf = stepPredictor(moe, topology, stepTokens);
  return worlds((arm) => {
    const [onFullest, all] = [fullest[arm], distinct[arm]];
    if (onFullest !== null) return msOf(onFullest);
    return all === null ? null : msOf(all / gpuCount(topology));
  });
}

function timesOf({ tally }: ModelLocality, time: Time): TimesCompared {
  const ms = worlds((arm) => ratioEstimate(tally.unitsOf(arm, time)));
  if (ms.control === null || ms.locality === null) return { ms, difference: null, interval: null };
  return {
    ms,
    difference: ms.locality.mean - ms.control.mean,
    interval: differenceInterval(ms.locality, ms.control),
  };
}
