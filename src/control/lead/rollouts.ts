import { chunkLayers, withLayersOf } from "../../core/migration/chunk-layers.ts";
import { countMoves } from "../../core/migration/moves.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { Planner } from "../plan/planner.ts";
import type { Decided, DecisionLog } from "./decision-log.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { ranksText } from "./ranks-text.ts";
import type { PendingStage } from "../messages/rollout-record.ts";
import type { SerialActions } from "./serial-actions.ts";
import type { TermLimits } from "./term-limits.ts";

export interface RolloutOptions {
  readonly plane: ExpertPlane;
  readonly planner: Planner;
  readonly model: MoeModel;
  /** As they are now. */
  readonly limits: () => Pick<TermLimits, "stagingBytes" | "prepareTimeoutMs">;
  readonly actions: SerialActions;
  readonly publisher: PoolPublisher;
  readonly log: DecisionLog;
  /** @param why it was given up; null when it is done */
  readonly onOver: (reason: string, why: Error | null) => void;
}

/** A placement that is to be in force. */
export interface Change extends Decided {
  readonly target: Placement;
}

/** It is in the log. */
interface Logged extends Change {
  readonly id: number;
}

interface UnderWay {
  readonly giveUp: AbortController;
  readonly over: Promise<void>;
}

/**
 * Changes a pool's placement, one change at a time, in stages of some layers: every live rank prepares a stage's weights
 * beside what it uses and says so; the stage is published; every live rank says that it dispatches by it; only then may
 * what it replaces be freed, and the next stage begins. Layers do not depend on each other: what was published before a
 * change is given up stays, and is sound.
 */
export class Rollouts {
  readonly #options: RolloutOptions;
  #underWay: UnderWay | null = null;
  /** Begins when the one under way is over. */
  #next: Logged | null = null;
  /** Somebody waits for acknowledgements. */
  #acknowledged: (() => void) | null = null;
  #closed = false;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  get underWay(): boolean {
    return this.#underWay !== null;
  }

  /** Begins once what is under way, which the caller may have given up, is over. */
  start(change: Change): void {
    const logged = { ...change, id: this.#options.log.begin(change) };
    if (this.#underWay === null) return this.#begin(logged);
    this.#dropNext("another followed before it began");
    this.#next = logged;
  }

  /** What has not been published of it will not be. */
  giveUp(why: string): void {
    this.#dropNext(why);
    this.#underWay?.giveUp.abort(new Error(why));
  }

  /** A rank has acknowledged. */
  acknowledged(): void {
    if (this.#options.publisher.state.ranks.awaited?.size === 0) this.#acknowledged?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.giveUp("the term is over");
    await this.#underWay?.over;
  }

  #begin(change: Logged): void {
    const giveUp = new AbortController();
    const over = this.#run(change, giveUp.signal).finally(() => {
      this.#underWay = null;
      const next = this.#next;
      this.#next = null;
      if (next !== null) this.#begin(next);
    });
    this.#underWay = { giveUp, over };
  }

  #dropNext(why: string): void {
    if (this.#next !== null) this.#options.log.end(this.#next.id, why);
    this.#next = null;
  }

  async #run({ id, target, reason }: Logged, signal: AbortSignal): Promise<void> {
    const { planner, model, limits, actions, publisher, log, onOver } = this.#options;
    try {
      const chunks = chunkLayers(model, publisher.state.snapshot.placement, target, limits().stagingBytes);
      log.staged(id, chunks.length);
      for (const [i, layers] of chunks.entries()) {
        const stage = { layers, chunk: i + 1, chunks: chunks.length, reason };
        const pending = await actions.step(signal, () => this.#prepare(target, stage));
        await this.#everyRank("prepared", pending, signal);
        // No action: a planner that is busy keeps nobody else waiting.
        const plan = await planner.reshare(pending.placement);
        await actions.step(signal, () => this.#commit(id, pending, plan));
        await this.#everyRank("committed", pending, signal);
        await actions.step(signal, () => this.#retire(pending));
      }
      log.end(id, null);
      onOver(reason, null);
    } catch (error) {
      if (this.#closed) return;
      const drop = async () => {
        publisher.state.ranks.drop();
        await publisher.putRollout(null);
      };
      // What was given up must not be read as pending: where that cannot be written, that is why it is over.
      const why = await actions.act(drop).then(
        () => error,
        (cause: unknown) => cause,
      );
      if (this.#closed) return;
      log.end(id, (why as Error).message);
      onOver(reason, why as Error);
    }
  }

  async #prepare(target: Placement, stage: Omit<PendingStage, "epoch" | "phase" | "placement">) {
    const { state } = this.#options.publisher;
    const placement = withLayersOf(state.snapshot.placement, target, stage.layers);
    const epoch = this.#options.publisher.nextEpoch();
    const pending: PendingStage = { ...stage, epoch, phase: "prepare", placement };
    state.ranks.prepare(epoch, placement, stage.layers);
    await this.#options.publisher.putRollout(pending);
    return pending;
  }

  async #commit(id: number, pending: PendingStage, plan: Plan): Promise<void> {
    const { model, publisher, log } = this.#options;
    const { epoch, placement, chunk, chunks } = pending;
    const before = publisher.state.snapshot;
    const moves = countMoves(model, before.placement, placement);
    const reason = chunks === 1 ? pending.reason : `${pending.reason} (stage ${chunk} of ${chunks})`;
    const moved = { movedSlots: moves.slots, movedBytes: moves.bytes };
    await publisher.publish({ kind: "placement", reason, ...moved }, plan, epoch);
    log.published(id, moves);
    log.changes.published(id, before, publisher.state.snapshot);
    await publisher.putRollout({ ...pending, phase: "commit" });
  }

  async #retire({ epoch }: PendingStage): Promise<void> {
    const { publisher } = this.#options;
    publisher.state.retire = epoch;
    publisher.state.ranks.drop();
    await publisher.putRollout(null);
  }

  /** Resolves when every live rank has acknowledged, or the plane, which then speaks for all of them. */
  async #everyRank(
    phase: "prepared" | "committed",
    { epoch, placement }: PendingStage,
    signal: AbortSignal,
  ): Promise<void> {
    const { plane, limits, publisher } = this.#options;
    const late = AbortSignal.timeout(limits().prepareTimeoutMs);
    const within = AbortSignal.any([signal, late]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      const silent = ranksText([...(publisher.state.ranks.awaited ?? [])]);
      reject(signal.aborted ? (signal.reason as Error) : new Error(`${silent} not ${phase} in time`));
    };
    // Whether it is awaited depends on what else fails first.
    promise.catch(() => {});
    within.addEventListener("abort", giveUp, { once: true });
    this.#acknowledged = resolve;
    try {
      signal.throwIfAborted();
      if (plane.prepare !== undefined) {
        if (phase === "prepared") await Promise.race([plane.prepare(placement, epoch, within), promise]);
        const { ranks } = publisher.state;
        for (const rank of ranks.awaited ?? []) ranks.acknowledge(epoch, rank, phase);
      }
      this.acknowledged();
      await promise;
    } finally {
      this.#acknowledged = null;
      within.removeEventListener("abort", giveUp);
    }
  }
}
