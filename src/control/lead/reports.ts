import { LoadTracker } from "../../core/load/load-tracker.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { PoolView } from "../follow/pool-view.ts";
import { encodeExchange } from "../messages/stored-exchange.ts";
import { GPU_PAIRS, encodeGpuPairs } from "../messages/stored-gpu-pairs.ts";
import { encodeHistory } from "../messages/stored-history.ts";
import { encodeReport } from "../messages/stored-report.ts";
import { relativeLoad } from "../plan/relative-load.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { GpuLog } from "./gpu-log.ts";
import type { GpuPast } from "./gpu-past.ts";
import type { HistoryLog } from "./history-log.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { poolReport } from "./pool-report.ts";

/** Of the load that is shown, the last so many milliseconds are half. */
const TRACKED_HALF_LIFE_MS = 10_000;
/** Who sends to whom is published every so many rounds. */
const EXCHANGE_ROUNDS = 5;
/** Of large pools it is kept GPU by GPU too, the first time and then every so many: it is seldom asked for. */
const GPU_PAIRS_EVERY = 3;

export interface ReportsOptions {
  readonly plane: ExpertPlane;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly publisher: PoolPublisher;
  readonly decision: DecisionLog;
  readonly history: HistoryLog;
  readonly gpus: GpuLog;
  readonly gpuPast: GpuPast;
  /** What this gateway follows, which is what this leader publishes. */
  readonly view: Pick<PoolView, "report">;
  readonly clock: Clock;
  /** Milliseconds since 1970, for people. */
  readonly wallClock: () => number;
}

/**
 * Publishes what a pool did as soon as it is measured, beside the term's actions: nothing that is decided, and nothing
 * that is waited for, keeps it. What it says of epochs and decisions is what was so when it was measured.
 */
export class Reports {
  readonly #options: ReportsOptions;
  readonly #load: LoadTracker;
  /** Since who sends to whom was published. */
  #rounds = 0;
  #published = 0;

  constructor(options: ReportsOptions) {
    this.#options = options;
    const { moeLayers, experts } = options.model;
    this.#load = new LoadTracker(moeLayers.length, experts, TRACKED_HALF_LIFE_MS);
  }

  /** @returns what was measured since the last time; null where no window has ended. Rejects as the plane and the store do. */
  async take(): Promise<PoolWindow | null> {
    const { plane, history, gpuPast, clock, wallClock } = this.#options;
    const window = await plane.observe();
    const atMs = wallClock();
    const report = window === null ? null : await this.#report(window, atMs);
    this.#note(window === null || report === null ? null : { window, report }, atMs);
    await this.#publishExchange();
    if (history.isDue(clock.now())) {
      await this.keepHistory();
      await gpuPast.fall();
    }
    return window;
  }

  /** Stores what the pool did until now. Rejects as the store does. */
  async keepHistory(): Promise<void> {
    const { publisher, history, gpuPast } = this.#options;
    await publisher.put("history", encodeHistory(history.take()));
    await gpuPast.keep();
  }

  /** @param atMs when the window ended */
  async #report(window: PoolWindow, atMs: number): Promise<PoolReport> {
    const { model, plane, publisher, decision, view } = this.#options;
    if (window.tokens > 0) this.#load.observe(window.load, window.spanMs);
    const report = poolReport(publisher.state.snapshot, window, {
      atMs,
      layerNumbers: model.moeLayers,
      topk: model.topk,
      expertLoad: relativeLoad(this.#load.forecast()),
      movedSlots: publisher.movedSlots,
      placedAtMs: publisher.placedAtMs ?? view.report?.placedAtMs ?? null,
      decision: decision.reason,
      explanation: decision.explanation,
      lagMs: plane.lagMs ?? null,
      loads: plane.loads ?? null,
      beside: plane.beside ?? null,
    });
    decision.observe(window);
    await publisher.put("report", encodeReport(report));
    return report;
  }

  #note(done: Parameters<HistoryLog["observe"]>[1], atMs: number): void {
    const { publisher, history, gpus } = this.#options;
    const { snapshot, operatorState } = publisher.state;
    gpus.observe(snapshot, operatorState, done);
    const missingExperts = snapshot.missing.reduce((sum, { experts }) => sum + experts.length, 0);
    history.observe(
      { epoch: snapshot.epoch, lostRanks: operatorState.lost.length, missingExperts },
      done,
      atMs,
    );
  }

  async #publishExchange(): Promise<void> {
    if (++this.#rounds < EXCHANGE_ROUNDS) return;
    this.#rounds = 0;
    const { plane, publisher, topology, wallClock } = this.#options;
    const taken = plane.takeExchange?.() ?? null;
    if (taken === null) return;
    const { gpus, ...exchange } = taken;
    const atMs = wallClock();
    await publisher.put("exchange", encodeExchange({ ...exchange, atMs }));
    if (gpus === null || this.#published++ % GPU_PAIRS_EVERY > 0) return;
    const pairs = encodeGpuPairs({ ...gpus, gpus: gpuCount(topology), atMs });
    await publisher.keep(new Map([[GPU_PAIRS, pairs]]));
  }
}
