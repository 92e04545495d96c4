import { nearestWord } from "../../lib/edit-distance.ts";

/** Measures of each request by the words of vLLM, aiperf (whose inter-token latency is a TPOT), guidellm and k6. */
const MEASURES: Readonly<Record<string, readonly string[]>> = {
  ttft_ms: ["ttft", "time_to_first_token"],
  tpot_ms: ["tpot", "time_per_output_token", "inter_token_latency"],
  itl_ms: ["itl", "inter_chunk_latency"],
  e2el_ms: ["e2el", "e2e", "e2e_latency", "end_to_end_latency", "request_latency", "http_req_duration"],
  ttft_from_send_ms: ["ttft_from_send"],
  e2el_from_send_ms: ["e2el_from_send"],
  schedule_delay_ms: ["schedule_delay"],
  output_throughput_per_user: ["output_token_throughput_per_user"],
};

/** Figures of a whole run. */
const FIGURES: Readonly<Record<string, string>> = {
  goodput: "request_goodput",
  good_rate: "goodput_rate",
  error_rate: "failed_rate",
  failure_rate: "failed_rate",
  http_req_failed: "failed_rate",
  "http_req_failed:rate": "failed_rate",
  http_reqs: "request_throughput",
  "http_reqs:rate": "request_throughput",
  output_token_throughput: "output_throughput",
  request_count: "completed",
  error_request_count: "failed",
};

const MOST_NAMES = 2;
const STATISTICS: Readonly<Record<string, string>> = { avg: "mean", med: "median" };
const STATISTIC = String.raw`avg|mean|med|median|std|min|max|p\d+(?:[.p]\d+)?|p\(\d+(?:\.\d+)?\)`;
const BEFORE = new RegExp(`^(${STATISTIC})_(.+)$`);
const BEHIND = new RegExp(`^(.+?)(?:_ms)?[_.:](${STATISTIC})$`);

const MEASURE_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(MEASURES).flatMap(([key, words]) => [key, ...words].map((word) => [word, key] as const)),
);

/** The report's key for a measure of requests by any tool's word, without a statistic (`ttft_ms`); null for none. */
export function measureKey(word: string): string | null {
  return MEASURE_OF.get(word) ?? MEASURE_OF.get(word.replace(/_ms$/, "")) ?? null;
}

/**
 * The report's key for a figure by any tool's word: `p95_ttft`, `time_to_first_token_p95`, `http_req_duration:p(95)`,
 * `http_req_failed`; the word itself where none is known.
 */
export function figureKey(word: string): string {
  if (Object.hasOwn(FIGURES, word)) return FIGURES[word];
  const [, before, of] = BEFORE.exec(word) ?? [];
  const [, measured, behind] = BEHIND.exec(word) ?? [];
  const key = measureKey(of ?? measured ?? "");
  return key === null ? word : `${statistic(before ?? behind)}_${key}`;
}

/** What a person may have meant by a word that is no name, as the end of a hint; empty where nothing is near. */
export function meantText(word: string, names: Iterable<string>): string {
  const left = new Set(names);
  const near: string[] = [];
  for (const wanted of [word, `${word}_ms`, word]) {
    const nearest = nearestWord(wanted, left);
    if (nearest === null || near.length === MOST_NAMES) continue;
    near.push(nearest);
    left.delete(nearest);
  }
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}

/** k6 writes `p(95)`, llm-d `p99p9`. */
function statistic(text: string): string {
  const percentile = /^p\(?(\d+)(?:[.p](\d+))?\)?$/.exec(text);
  if (percentile === null) return STATISTICS[text] ?? text;
  const [, whole, part] = percentile;
  return part === undefined || Number(part) === 0 ? `p${whole}` : `p${whole}.${part}`;
}
