import type { Counters } from "../model/pool-counters.ts";
import {
  type CountedTokens,
  POOL_CHOICE_REASONS,
  type PickOutcome,
  type PoolChoiceReason,
  type RequestOutcome,
  type Responded,
  type Shadowed,
} from "../serving/traffic/traffic-observer.ts";
import { ByModel } from "./by-model.ts";
import type { Counted, ModelTokens, TokenTotals } from "./counted.ts";
import { Exemplars } from "./exemplars.ts";
import type { Family } from "./family.ts";
import { PICK, TOKEN_BOUNDS, type TimeLimits, timeBounds } from "./histogram-bounds.ts";
import { openMetricsText } from "./open-metrics.ts";
import { PoolHistogram } from "./pool-histogram.ts";
import type { Readings } from "./readings.ts";
import { ResponseCounts } from "./response-counts.ts";
import { addShadowed, noShadows } from "./shadow-totals.ts";

/** What metrics are made with. */
export interface MetricsOptions {
  readonly limits: TimeLimits;
  /** The status that clients get for a reason. */
  readonly statusOf: (reason: string) => number;
}

/** What is loaded for the first scrape. */
interface Exposition {
  readonly text: typeof import("./prometheus-text.ts").prometheusText;
  readonly all: readonly Family[];
  readonly experts: readonly Family[];
}

/**
 * Counts in plain tables; they are read at a scrape, and OpenTelemetry, which writes them, is loaded for the first one.
 * Receives traffic from serving/traffic/traffic-meter.ts. docs/metrics.md says what each metric means.
 */
export class Metrics {
  readonly #ttft: PoolHistogram;
  readonly #itl: PoolHistogram;
  readonly #duration: PoolHistogram;
  readonly #prompt = new PoolHistogram(
    "plimsoll_prompt_tokens",
    "Tokens of prompts that were answered: as the engine counts them, else a fourth of their bytes",
    TOKEN_BOUNDS,
  );
  readonly #answer = new PoolHistogram(
    "plimsoll_answer_tokens",
    "Tokens of answers: as the engine counts them, else frames with content",
    TOKEN_BOUNDS,
  );
  readonly #pick = new PoolHistogram(
    "plimsoll_pick_seconds",
    "The last byte of a request to the answer where to send it, of those that got an endpoint",
    PICK,
  );
  readonly #picks = new Map<string, Record<PickOutcome, number>>();
  readonly #tokens = new Map<string, TokenTotals>();
  readonly #modelTokens = new ByModel<ModelTokens>(() => ({ prompt: 0, cached: 0, completion: 0 }));
  readonly #chosen = new ByModel(() => new Map<string, number>(POOL_CHOICE_REASONS.map((why) => [why, 0])));
  readonly #shadowed = new ByModel(noShadows);
  readonly #ended = new Map<string, Record<RequestOutcome, number>>();
  readonly #responses: ResponseCounts;
  readonly #resent = new Map<string, number>();
  readonly #deniedRetries = new Map<string, number>();
  readonly #refused = new Map<string, Map<string, number>>();
  readonly #exemplars = new Exemplars();
  readonly #readings: Readings;
  #exposition: Promise<Exposition> | null = null;

  constructor(readings: Readings, { limits, statusOf }: MetricsOptions) {
    const { ttft, itl, duration } = timeBounds(limits);
    this.#ttft = new PoolHistogram("plimsoll_ttft_seconds", "Arrival to the first frame with content", ttft);
    this.#itl = new PoolHistogram("plimsoll_itl_seconds", "Between two frames with content", itl);
    this.#duration = new PoolHistogram(
      "plimsoll_request_seconds",
      "Arrival to the end of the response",
      duration,
    );
    this.#responses = new ResponseCounts(statusOf);
    this.#readings = readings;
  }

  firstFrame(pool: string, sinceArrivalMs: number, traceId: string | null = null): void {
    this.#time(this.#ttft, pool, sinceArrivalMs / 1000, traceId);
  }

  laterFrame(pool: string, sincePreviousMs: number): void {
    this.#itl.record(pool, sincePreviousMs / 1000);
  }

  /** The time until a client left or was refused says nothing about the answers: it is not in the histogram. */
  ended(pool: string, durationMs: number, outcome: RequestOutcome, traceId: string | null = null): void {
    this.#outcomesOf(pool)[outcome]++;
    if (outcome !== "cancelled" && outcome !== "refused")
      this.#time(this.#duration, pool, durationMs / 1000, traceId);
  }

  responded(pool: string, responded: Responded): void {
    this.#responses.add(pool, responded);
  }

  tokens(pool: string, { model, prompt, answer, cached, reported }: CountedTokens): void {
    this.#prompt.record(pool, prompt);
    if (answer !== null) this.#answer.record(pool, answer);
    const ofModel = this.#modelTokens.of(pool, model);
    ofModel.prompt += prompt;
    ofModel.completion += answer ?? 0;
    const totals = this.#tokensOf(pool);
    if (reported) totals.reported++;
    else totals.estimated++;
    if (cached === null) return;
    const found = Math.min(cached, prompt);
    ofModel.cached += found;
    totals.cached += found;
    totals.uncached += Math.max(0, prompt - cached);
  }

  /**
   * What is counted of a pool begins at 0, so that its first increase shows.
   * @param models of its configuration
   * @param reasons of refusals
   */
  begin(pool: string, models: readonly string[], reasons: readonly string[]): void {
    this.#outcomesOf(pool);
    this.#tokensOf(pool);
    this.#modelTokens.begin(pool, models);
    for (const counts of [this.#resent, this.#deniedRetries]) add(counts, pool, 0);
    for (const times of this.#requests) times.begin(pool);
    this.#beginRefusals(pool, models, reasons);
  }

  /** The same of requests that are refused before their pool is known. */
  beginEarly(reasons: readonly string[]): void {
    this.#beginRefusals("", [""], reasons);
  }

  chosen(pool: string, model: string, why: PoolChoiceReason): void {
    add(this.#chosen.of(pool, model), why, 1);
  }

  /** What is counted of the choices among a model's pools begins at 0. */
  beginChoices(model: string, pools: readonly string[]): void {
    for (const pool of pools) this.#chosen.begin(pool, [model]);
  }

  /** The same of a model's copies at its shadow pool. */
  beginShadow(model: string, pool: string): void {
    this.#shadowed.begin(pool, [model]);
  }

  shadowed(pool: string, model: string, what: Shadowed): void {
    addShadowed(this.#shadowed.of(pool, model), what);
  }

  resent(pool: string): void {
    add(this.#resent, pool, 1);
  }

  retryDenied(pool: string): void {
    add(this.#deniedRetries, pool, 1);
  }

  /** A request whose pool is not known has its response with that. */
  refused(pool: string, reason: string): void {
    add(this.#refusalsOf(pool), reason, 1);
    if (pool === "") this.responded("", { model: "", status: null, errorType: reason });
  }

  /** The time until one was refused, or until its client left, says nothing about the choice of an endpoint. */
  picked(pool: string, outcome: PickOutcome, ms: number): void {
    this.#picksOf(pool)[outcome]++;
    if (outcome === "picked") this.#pick.record(pool, ms / 1000);
  }

  /** The endpoint picker picks for this pool; empty for requests that are refused before theirs is known. */
  beginPicks(pool: string): void {
    this.#picksOf(pool);
    if (pool !== "") this.#pick.begin(pool);
  }

  /** What was counted of a pool so far. @param atMs when that is, by the caller's clock */
  countersOf(pool: string, atMs: number): Counters {
    return {
      atMs,
      ended: { ...this.#outcomesOf(pool) },
      ttft: this.#ttft.of(pool),
      itl: this.#itl.of(pool),
      e2e: this.#duration.of(pool),
      prompt: this.#prompt.of(pool),
      answer: this.#answer.of(pool),
      ...this.#tokensOf(pool),
    };
  }

  /** Loads OpenTelemetry, which takes a moment: before there are streams that it would hold up. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** Everything but the experts, in Prometheus' text format. */
  async text(): Promise<string> {
    const { text, all } = await this.#open();
    return text(all, [...this.#requests, this.#pick]);
  }

  /** A series for every expert of every layer. */
  async expertsText(): Promise<string> {
    const { text, experts } = await this.#open();
    return text(experts, []);
  }

  /** The same as OpenMetrics has it, with the traces of single requests. @param text Prometheus' */
  asOpenMetrics(text: string): string {
    return openMetricsText(text, this.#exemplars);
  }

  /** Of requests, whoever sends them. */
  get #requests(): readonly PoolHistogram[] {
    return [this.#ttft, this.#itl, this.#duration, this.#prompt, this.#answer];
  }

  #open(): Promise<Exposition> {
    return (this.#exposition ??= this.#load());
  }

  async #load(): Promise<Exposition> {
    const [{ prometheusText: text }, { everyFamily }, { expertFamilies }] = await Promise.all([
      import("./prometheus-text.ts"),
      import("./families/every-family.ts"),
      import("./families/experts.ts"),
    ]);
    const counted: Counted = {
      ended: this.#ended,
      responses: this.#responses,
      chosen: this.#chosen.all,
      shadowed: this.#shadowed.all,
      resent: this.#resent,
      deniedRetries: this.#deniedRetries,
      refused: this.#refused,
      picks: this.#picks,
      tokens: this.#tokens,
      modelTokens: this.#modelTokens.all,
    };
    return { text, all: everyFamily(counted, this.#readings), experts: expertFamilies(this.#readings) };
  }

  #beginRefusals(pool: string, models: readonly string[], reasons: readonly string[]): void {
    for (const reason of reasons) add(this.#refusalsOf(pool), reason, 0);
    this.#responses.begin(pool, models, reasons);
  }

  #time(histogram: PoolHistogram, pool: string, seconds: number, traceId: string | null): void {
    const bound = histogram.record(pool, seconds);
    if (traceId !== null) this.#exemplars.keep(histogram.name, pool, bound, seconds, traceId);
  }

  #tokensOf(pool: string): TokenTotals {
    const known = this.#tokens.get(pool);
    if (known !== undefined) return known;
    const totals = { reported: 0, estimated: 0, cached: 0, uncached: 0 };
    this.#tokens.set(pool, totals);
    return totals;
  }

  #outcomesOf(pool: string): Record<RequestOutcome, number> {
    const known = this.#ended.get(pool);
    if (known !== undefined) return known;
    const outcomes = { ok: 0, client_error: 0, refused: 0, failed: 0, cancelled: 0 };
    this.#ended.set(pool, outcomes);
    return outcomes;
  }

  #picksOf(pool: string): Record<PickOutcome, number> {
    const known = this.#picks.get(pool);
    if (known !== undefined) return known;
    const outcomes = { picked: 0, refused: 0, unavailable: 0, client_error: 0, failed: 0, cancelled: 0 };
    this.#picks.set(pool, outcomes);
    return outcomes;
  }

  #refusalsOf(pool: string): Map<string, number> {
    const known = this.#refused.get(pool);
    if (known !== undefined) return known;
    const reasons = new Map<string, number>();
    this.#refused.set(pool, reasons);
    return reasons;
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
