import type { Clock } from "../../lib/clock.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { PoolView } from "../follow/pool-view.ts";
import { encodeLearned } from "../messages/learned-load.ts";
import { encodeChanges } from "../messages/stored-changes.ts";
import { encodeDecisions } from "../messages/stored-decisions.ts";
import { encodeExchange } from "../messages/stored-exchange.ts";
import { GPU_PAIRS, encodeGpuPairs } from "../messages/stored-gpu-pairs.ts";
import { encodeHistory } from "../messages/stored-history.ts";
import { encodeReport } from "../messages/stored-report.ts";
import type { Planner } from "../plan/planner.ts";
import { capacityInService } from "./in-service.ts";
import type { EngineNews } from "./engine-news.ts";
import { type DecisionLog, weighedChange } from "./decision-log.ts";
import type { GpuLog } from "./gpu-log.ts";
import type { GpuPast } from "./gpu-past.ts";
import type { HistoryLog } from "./history-log.ts";
import type { Losses } from "./losses.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { poolReport } from "./pool-report.ts";
import { RankStates } from "./rank-states.ts";
import type { RankWatch } from "./rank-watch.ts";
import type { Rollouts } from "./rollouts.ts";

/** What was learned is kept for the next leader this often. */
const LEARNED_EVERY_MS = 10_000;
/** Who sends to whom is published every so many rounds. */
const EXCHANGE_ROUNDS = 5;
/** Of large pools it is kept GPU by GPU too, the first time and then every so many: it is seldom asked for. */
const GPU_PAIRS_EVERY = 3;

export interface RoundOptions {
  readonly plane: ExpertPlane;
  readonly planner: Planner;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly publisher: PoolPublisher;
  readonly rollouts: Rollouts;
  readonly losses: Losses;
  readonly watch: RankWatch;
  /** Between two rounds. */
  readonly roundMs: number;
  readonly engine: EngineNews;
  readonly decision: DecisionLog;
  readonly history: HistoryLog;
  readonly gpus: GpuLog;
  readonly gpuPast: GpuPast;
  /** What this gateway follows, which is what this leader publishes. */
  readonly view: Pick<PoolView, "unreadable" | "report">;
  readonly clock: Clock;
  /** Milliseconds since 1970, for people. */
  readonly wallClock: () => number;
}

/** The rounds of a term: observe, decide, publish, report. */
export class Rounds {
  readonly #options: RoundOptions;
  #learnedAtMs: number;
  /** Since who sends to whom was published. */
  #rounds = 0;
  #published = 0;

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#learnedAtMs = options.clock.now();
  }

  /** Begins with what is not true any more of the snapshot in force. Rejects as the plane, the planner and the store do. */
  async take(): Promise<void> {
    const { plane, losses, publisher, rollouts, engine, view, clock } = this.#options;
    const nowMs = clock.now();
    await this.#miss(nowMs);
    await losses.settle();
    // A gateway that comes now cannot show ranks the stage that is waited for.
    if (view.unreadable.has("epoch")) rollouts.giveUp("the last epoch cannot be read");
    await publisher.putAgain(view.unreadable, rollouts.underWay);
    await engine.publish();
    const window = await plane.observe();
    const atMs = this.#options.wallClock();
    const report =
      window === null ? null : await this.#report(window, atMs, await this.#decide(nowMs, window));
    this.#note(window === null || report === null ? null : { window, report }, atMs);
    if (window !== null) await this.#keepLearned(nowMs);
    await this.#publishExchange();
    await this.#keepDecisions(nowMs);
    const { history, gpuPast } = this.#options;
    if (!history.isDue(nowMs)) return;
    await this.keepHistory();
    await gpuPast.fall();
  }

  /** Stores what the pool did until now. Rejects as the store does. */
  async keepHistory(): Promise<void> {
    const { publisher, history, gpuPast } = this.#options;
    await publisher.put("history", encodeHistory(history.take()));
    await gpuPast.keep();
  }

  /** Ranks that have fallen silent are lost. Those in this process are looked at once a round, which is their window. */
  async #miss(nowMs: number): Promise<void> {
    const { plane, publisher, losses, watch, roundMs } = this.#options;
    const states = new RankStates(publisher.state.operatorState);
    for (const sign of plane.signs?.() ?? [])
      if (states.load({ ...sign, windowMs: roundMs, counted: "source" }))
        watch.reported(sign.rank, roundMs, nowMs);
    for (const rank of watch.silent(nowMs)) states.silent(rank);
    await losses.store(states);
  }

  async #decide(nowMs: number, window: PoolWindow): Promise<PoolReport["expertLoad"]> {
    const { planner, topology, publisher, rollouts, decision: last } = this.#options;
    const { operatorState } = publisher.state;
    const { decision, expertLoad } = await planner.plan({
      nowMs,
      window,
      // One change at a time: what is decided during a rollout would be decided on the placement it replaces.
      decide: !rollouts.underWay,
      capacity: capacityInService(topology, operatorState),
    });
    last.changes.expect(expertLoad);
    if (decision === null) return expertLoad;
    const { kind, reason, kept, shares, plan, explanation } = decision;
    const held = kind === "placement" && operatorState.paused;
    last.reason = held ? `paused; it would be ${reason}` : reason;
    last.explanation = explanation;
    const stays = held ? last.reason : kept;
    if (stays !== null) last.kept(stays, explanation);
    if (kind === "shares" && shares !== null) {
      await publisher.publishShares(reason, plan);
      last.shares(shares.reason, shares.explanation);
    }
    if (kind === "placement" && !held)
      rollouts.start({ kind, reason, weighed: weighedChange(explanation), target: plan.placement });
    return expertLoad;
  }

  /** @param atMs when the window ended */
  async #report(window: PoolWindow, atMs: number, expertLoad: PoolReport["expertLoad"]): Promise<PoolReport> {
    const { model, plane, publisher, decision, view } = this.#options;
    const report = poolReport(publisher.state.snapshot, window, {
      atMs,
      layerNumbers: model.moeLayers,
      topk: model.topk,
      expertLoad,
      movedSlots: publisher.movedSlots,
      placedAtMs: publisher.placedAtMs ?? view.report?.placedAtMs ?? null,
      decision: decision.reason,
      explanation: decision.explanation,
      lagMs: plane.lagMs ?? null,
      loads: plane.loads ?? null,
      beside: plane.beside ?? null,
    });
    await publisher.put("report", encodeReport(report));
    decision.observe(window);
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

  async #keepDecisions(nowMs: number): Promise<void> {
    const { publisher, decision } = this.#options;
    // First: who is told of a decision may ask at once what it changed.
    const changed = decision.changes.take();
    if (changed !== null) await publisher.put("changes", encodeChanges(changed));
    if (decision.isDue(nowMs)) await publisher.put("decisions", encodeDecisions(decision.records));
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

  async #keepLearned(nowMs: number): Promise<void> {
    if (nowMs - this.#learnedAtMs < LEARNED_EVERY_MS) return;
    const { planner, publisher } = this.#options;
    this.#learnedAtMs = nowMs;
    await publisher.put("learned", encodeLearned(await planner.learned()));
  }
}
