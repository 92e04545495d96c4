import { type MetricSample, metricSamples } from "../../../formats/prometheus-text.ts";
import { type Counters, type Histogram, OUTCOMES, type Outcome } from "../../../model/pool-counters.ts";

const HISTOGRAMS = {
  ttft: "plimsoll_ttft_seconds",
  itl: "plimsoll_itl_seconds",
  e2e: "plimsoll_request_seconds",
  prompt: "plimsoll_prompt_tokens",
  answer: "plimsoll_answer_tokens",
} as const;
const REQUESTS = "plimsoll_requests_total";
const PROMPTS = "plimsoll_counted_prompts_total";
const CACHEABLE = "plimsoll_cacheable_tokens_total";

const WANTED = new Set([
  REQUESTS,
  PROMPTS,
  CACHEABLE,
  ...Object.values(HISTOGRAMS).flatMap((name) => [`${name}_bucket`, `${name}_sum`]),
]);

/** What a gateway's `/metrics` has counted of one pool; what it does not list is 0, or null. */
export function countersOf(metrics: string, pool: string, atMs: number): Counters {
  const samples = metricSamples(metrics, WANTED).filter(({ labels }) => labels.get("pool") === pool);
  const counter = (name: string, label: string, value: string) =>
    samples.find((sample) => sample.name === name && sample.labels.get(label) === value)?.value ?? 0;
  return {
    atMs,
    ended: Object.fromEntries(
      OUTCOMES.map((outcome) => [outcome, counter(REQUESTS, "outcome", outcome)]),
    ) as Record<Outcome, number>,
    ttft: histogramOf(samples, HISTOGRAMS.ttft),
    itl: histogramOf(samples, HISTOGRAMS.itl),
    e2e: histogramOf(samples, HISTOGRAMS.e2e),
    prompt: histogramOf(samples, HISTOGRAMS.prompt),
    answer: histogramOf(samples, HISTOGRAMS.answer),
    reported: counter(PROMPTS, "by", "engine"),
    estimated: counter(PROMPTS, "by", "estimate"),
    cached: counter(CACHEABLE, "cached", "yes"),
    uncached: counter(CACHEABLE, "cached", "no"),
  };
}

/** Buckets are written cumulative, the last as `+Inf`. */
function histogramOf(samples: readonly MetricSample[], name: string): Histogram | null {
  const buckets = samples
    .filter((sample) => sample.name === `${name}_bucket`)
    .map(({ labels, value }) => ({ bound: boundOf(labels.get("le")), value }))
    .filter(({ bound, value }) => !Number.isNaN(bound) && Number.isFinite(value))
    .sort((a, b) => a.bound - b.bound);
  const sum = samples.find((sample) => sample.name === `${name}_sum`)?.value;
  if (buckets.at(-1)?.bound !== Number.POSITIVE_INFINITY || sum === undefined) return null;
  const counts = buckets.map(({ value }, i) => value - (i === 0 ? 0 : buckets[i - 1].value));
  if (counts.some((count) => count < 0)) return null;
  return { bounds: buckets.slice(0, -1).map(({ bound }) => bound), counts, sum };
}

function boundOf(text: string | undefined): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text ?? "none");
}
