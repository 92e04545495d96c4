import { chunkLayers, withLayersOf } from "../../core/migration/chunk-layers.ts";
import { countMoves } from "../../core/migration/moves.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { Planner } from "../plan/planner.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { ranksText } from "./ranks-text.ts";
import type { PendingStage } from "../messages/rollout-record.ts";
import type { SerialActions } from "./serial-actions.ts";

export interface RolloutOptions {
  readonly plane: ExpertPlane;
  readonly planner: Planner;
  readonly model: MoeModel;
  /** Bytes of weights that each GPU can hold beside what it uses. */
  readonly stagingBytes: number;
  /** How long ranks may take to prepare a stage of some layers, and to switch to it. */
  readonly prepareTimeoutMs: number;
  readonly actions: SerialActions;
  readonly publisher: PoolPublisher;
  /** @param why it was given up; null when it is done */
  readonly onOver: (reason: string, why: Error | null) => void;
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
  #next: { readonly target: Placement; readonly reason: string } | null = null;
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
  start(target: Placement, reason: string): void {
    if (this.#underWay !== null) {
      this.#next = { target, reason };
      return;
    }
    const giveUp = new AbortController();
    const over = this.#run(target, reason, giveUp.signal).finally(() => {
      this.#underWay = null;
      const next = this.#next;
      this.#next = null;
      if (next !== null) this.start(next.target, next.reason);
    });
    this.#underWay = { giveUp, over };
  }

  /** What has not been published of it will not be. */
  giveUp(why: string): void {
    this.#next = null;
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

  async #run(target: Placement, reason: string, signal: AbortSignal): Promise<void> {
    const { model, stagingBytes, actions, publisher, onOver } = this.#options;
    try {
      const chunks = chunkLayers(model, publisher.state.snapshot.placement, target, stagingBytes);
      for (const [i, layers] of chunks.entries()) {
        const stage = { layers, chunk: i + 1, chunks: chunks.length, reason };
        const pending = await actions.step(signal, () => this.#prepare(target, stage));
        await this.#everyRank("prepared", pending, signal);
        await actions.step(signal, () => this.#commit(pending));
        await this.#everyRank("committed", pending, signal);
        await actions.step(signal, () => this.#retire(pending));
      }
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
      if (!this.#closed) onOver(reason, why as Error);
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

  async #commit(pending: PendingStage): Promise<void> {
    const { planner, model, publisher } = this.#options;
    const { epoch, placement, chunk, chunks } = pending;
    const plan = await planner.reshare(placement);
    const moves = countMoves(model, publisher.state.snapshot.placement, placement);
    const reason = chunks === 1 ? pending.reason : `${pending.reason} (stage ${chunk} of ${chunks})`;
    const moved = { movedSlots: moves.slots, movedBytes: moves.bytes };
    await publisher.publish({ kind: "placement", reason, ...moved }, plan, epoch);
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
    const { plane, prepareTimeoutMs, publisher } = this.#options;
    const late = AbortSignal.timeout(prepareTimeoutMs);
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
