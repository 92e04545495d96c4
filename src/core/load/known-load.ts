import { Rng } from "../../lib/rng.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type LoadForecast, LoadForecaster } from "./load-forecaster.ts";
import { LoadTracker } from "./load-tracker.ts";
import { RecentParts } from "./recent-parts.ts";
import { RoutingSample } from "./routing-sample.ts";
import { StepTokens } from "./step-tokens.ts";

/** A pool's passes in a window, with their tokens; NaN steps where nobody counts them. */
export interface CountedPasses {
  readonly steps: number;
  readonly tokens: number;
}

const UNCOUNTED: CountedPasses = { steps: Number.NaN, tokens: 0 };

/**
 * What is known of a pool's load from the windows that were observed: of late, which shares follow; expected over the next
 * placement interval, with how it varies, which placements are made for; and a sample of its tokens.
 */
export class KnownLoad {
  readonly #placementMs: number;
  readonly #places: boolean;
  readonly #recent: LoadTracker;
  readonly #steady: LoadForecaster;
  readonly #sample: RoutingSample;
  readonly #parts: RecentParts;
  readonly #stepTokens: StepTokens;

  /** @param places false where no placement is ever made: no more is kept than the load of late */
  constructor(model: MoeModel, { sharesMs, placementMs }: Cadence, places: boolean) {
    const layers = model.moeLayers.length;
    this.#placementMs = placementMs;
    this.#places = places;
    this.#recent = new LoadTracker(layers, model.experts, sharesMs);
    this.#steady = new LoadForecaster(layers, model.experts, placementMs);
    this.#sample = new RoutingSample(layers, model.topk, new Rng(1));
    this.#parts = new RecentParts(layers, model.experts, model.topk);
    this.#stepTokens = new StepTokens(placementMs);
  }

  /**
   * @param load    tokens per expert in a window of `spanMs` milliseconds
   * @param routing some of the window's tokens, at all the model's layers; null where there are none to be had
   * @returns whether the load is found to have changed
   */
  observe(
    load: ExpertLoad,
    spanMs: number,
    routing: RoutingTrace | null = null,
    passes: CountedPasses = UNCOUNTED,
  ): boolean {
    this.#stepTokens.observe(passes.tokens, passes.steps, spanMs);
    this.#recent.observe(load, spanMs);
    if (!this.#places) return false;
    const changed = this.#steady.observe(load, spanMs);
    if (changed) this.#parts.forget();
    this.#parts.observe(load, spanMs);
    if (routing !== null) this.#sample.add(routing);
    return changed;
  }

  /**
   * Begins with what another knew of the load, as if it had been so for one placement interval.
   * @param load tokens per second; zeros say nothing
   */
  learn(load: ExpertLoad): void {
    if (load.tokens.every((rate) => rate === 0)) return;
    const spanMs = this.#placementMs;
    const window = { ...load, tokens: load.tokens.map((rate) => (rate * spanMs) / 1000) };
    this.#recent.observe(window, spanMs);
    this.#steady.observe(window, spanMs);
  }

  /** Whether anything was observed. */
  get warm(): boolean {
    return this.#recent.warm;
  }

  /** Tokens per second of late; zeros before anything is known. A copy the caller owns, as all that follow. */
  get recent(): ExpertLoad {
    return this.#recent.forecast();
  }

  /** The same, or a uniform load before anything is known. */
  get recentOrUniform(): ExpertLoad {
    const load = this.#recent.forecast();
    return this.#recent.warm ? load : { ...load, tokens: load.tokens.fill(1) };
  }

  /** Over the next placement interval, tokens per second; zeros before anything is known. */
  forecast(): LoadForecast {
    return this.#steady.forecast();
  }

  /** How a load may well vary, by how it has lately (`RecentParts.around`). */
  scenariosAround(load: ExpertLoad): ExpertLoad[] {
    return this.#parts.around(load);
  }

  /** Recent tokens in two halves (`RoutingSample.halves`): to make placements from, and to judge them by. */
  get tokens(): readonly [RoutingTrace, RoutingTrace] | readonly [null, null] {
    return this.#sample.halves ?? [null, null];
  }

  /** Tokens that a step forwards on average; null where nothing is known. */
  get stepTokens(): number | null {
    return this.#stepTokens.mean;
  }
}
