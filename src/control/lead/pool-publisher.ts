import type { Plan } from "../../core/planning/plan.ts";
import type { RoutingSnapshot, SnapshotChange } from "../../model/snapshot.ts";
import { encodeSnapshot } from "../../model/snapshot-bytes.ts";
import type { PoolRanks } from "./pool-ranks.ts";
import { type PendingStage, encodeRollout } from "../messages/rollout-record.ts";
import { type OperatorState, encodeOperatorState } from "../messages/operator-state.ts";
import type { Stored } from "../follow/pool-view.ts";
import type { PoolStore, ValueName } from "../store.ts";

/** What is in force in a pool. */
export interface PoolState {
  snapshot: RoutingSnapshot;
  ranks: PoolRanks;
  operatorState: OperatorState;
  /** As in RolloutRecord. */
  retire: number;
  issued: number;
}

/** Writes what a pool's leader decided: under its token, and no snapshot that its ranks could not serve. */
export class PoolPublisher {
  readonly state: PoolState;
  readonly #store: PoolStore;
  readonly #token: number;
  readonly #wallClock: () => number;
  readonly #onPublished: (plan: Plan) => void;
  #movedSlots = 0;
  #placedAtMs: number | null;
  /** As it was stored last. */
  #pending: PendingStage | null = null;

  /** @param onPublished receives every plan that is in force now */
  constructor(
    state: PoolState,
    store: PoolStore,
    token: number,
    wallClock: () => number,
    onPublished: (plan: Plan) => void,
  ) {
    this.state = state;
    this.#store = store;
    this.#token = token;
    this.#wallClock = wallClock;
    this.#onPublished = onPublished;
    this.#placedAtMs = placedAtMs(state.snapshot.change);
  }

  /** A number that nothing had before: what ranks say of a stage that was given up cannot be taken for another's. */
  nextEpoch(): number {
    const { state } = this;
    state.issued = Math.max(state.issued, state.snapshot.epoch) + 1;
    return state.issued;
  }

  /** In this term. */
  get movedSlots(): number {
    return this.#movedSlots;
  }

  /** When the placement in force was published, in wall-clock ms; null where an earlier leader did that. */
  get placedAtMs(): number | null {
    return this.#placedAtMs;
  }

  /**
   * Puts a plan in force.
   * @param epoch its number where it was given one
   * @throws InvariantViolation, and what `PoolStore.publish` rejects with
   */
  async publish(
    change: Omit<SnapshotChange, "atMs">,
    { placement, replicas, shares }: Plan,
    epoch = this.nextEpoch(),
  ): Promise<void> {
    const { state } = this;
    const { pool, model } = state.snapshot;
    const missing = state.ranks.check(placement);
    const dated = { ...change, atMs: this.#wallClock() };
    const snapshot = { pool, model, epoch, change: dated, placement, replicas, shares, missing };
    await this.#store.publish(epoch, encodeSnapshot(snapshot), this.#token);
    state.snapshot = snapshot;
    state.ranks.publish(epoch, placement);
    this.#movedSlots += change.movedSlots;
    this.#placedAtMs = placedAtMs(dated) ?? this.#placedAtMs;
    this.#onPublished({ placement, replicas, shares });
  }

  /** New shares for the placement in force, or for what is left of it. */
  publishShares(reason: string, plan: Plan): Promise<void> {
    return this.publish({ kind: "shares", reason, movedSlots: 0, movedBytes: 0 }, plan);
  }

  async putOperatorState(operatorState: OperatorState): Promise<void> {
    await this.put("orders", encodeOperatorState(operatorState));
    this.state.operatorState = operatorState;
  }

  putRollout(pending: PendingStage | null): Promise<void> {
    this.#pending = pending;
    const { retire, issued } = this.state;
    return this.put("rollout", encodeRollout({ retire, issued, pending }));
  }

  /**
   * What somebody has put in the place of these cannot be read: who joins now needs them.
   * @param underWay whether a placement is rolled out, which a new epoch would interrupt
   */
  async putAgain(unreadable: ReadonlySet<Stored>, underWay: boolean): Promise<void> {
    if (unreadable.has("orders")) await this.putOperatorState(this.state.operatorState);
    if (unreadable.has("rollout")) await this.putRollout(this.#pending);
    if (unreadable.has("epoch") && !underWay)
      await this.publishShares("the last epoch cannot be read", this.state.snapshot);
  }

  /** These reject as `PoolStore.put` does. */
  keep(parts: ReadonlyMap<string, Uint8Array | null>): Promise<void> {
    return this.#store.keep(parts, this.#token);
  }

  keptNames(): Promise<readonly string[]> {
    return this.#store.keptNames();
  }

  kept(names: readonly string[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#store.kept(names);
  }

  put(name: ValueName, value: Uint8Array): Promise<void> {
    return this.#store.put(name, value, this.#token);
  }
}

function placedAtMs({ kind, atMs }: SnapshotChange): number | null {
  return kind === "placement" ? atMs : null;
}
