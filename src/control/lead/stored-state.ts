import type { DecisionRecord } from "../../model/decision-record.ts";
import type { PoolChanges } from "../../model/placement-change.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { decodeSnapshot } from "../../model/snapshot-bytes.ts";
import type { PoolView } from "../follow/pool-view.ts";
import type { PoolHistory } from "../history/pool-history.ts";
import { type OperatorState, decodeOperatorState } from "../messages/operator-state.ts";
import { type RolloutRecord, decodeRollout } from "../messages/rollout-record.ts";
import { decodeChanges } from "../messages/stored-changes.ts";
import { decodeDecisions } from "../messages/stored-decisions.ts";
import { decodeHistory } from "../messages/stored-history.ts";
import { EPOCHS_KEPT, type PoolStore } from "../store.ts";

/** Numbers given to stages that were not published lie far fewer above the last that was. */
const SKIPPED = 1_000_000;

/** What a pool's last leader left. */
export interface StoredState {
  /** The last that was published; 0 before the first. */
  readonly epoch: number;
  /** Under that number; null where there is none to go on from. */
  readonly snapshot: RoutingSnapshot | null;
  readonly rollout: RolloutRecord;
  readonly operatorState: OperatorState;
  /** As `decodeLearned` reads it. */
  readonly learned: Uint8Array | null;
  /** The oldest first. */
  readonly decisions: readonly DecisionRecord[];
  readonly changes: PoolChanges;
  readonly history: PoolHistory;
}

/**
 * What the store has of a pool. In the place of what it lost, or what cannot be read, comes the last snapshot before it
 * that can be, or what this gateway has seen: the leader writes it again. Of a rollout that cannot be read nobody knows
 * which numbers it gave: those are passed over.
 */
export async function storedState(store: PoolStore, view: PoolView): Promise<StoredState> {
  const { epoch, snapshot, values } = await store.read();
  const { reading } = view;
  const rollout = values.get("rollout");
  const orders = values.get("orders");
  const learned = values.get("learned") ?? null;
  const decisions = values.get("decisions");
  const changes = values.get("changes");
  const history = values.get("history");
  return {
    epoch,
    learned,
    snapshot: snapshot === null ? null : await lastReadable(store, view, epoch, snapshot),
    rollout:
      rollout === undefined
        ? view.rollout
        : (reading.read("rollout", () => decodeRollout(rollout)) ?? passedOver(view.rollout, epoch)),
    operatorState:
      orders === undefined
        ? view.operatorState
        : (reading.read("operator_state", () => decodeOperatorState(orders)) ?? view.operatorState),
    decisions:
      decisions === undefined
        ? view.decisions
        : (reading.read("decisions", () => decodeDecisions(decisions)) ?? view.decisions),
    changes:
      changes === undefined
        ? view.changes
        : (reading.read("changes", () => decodeChanges(changes)) ?? view.changes),
    history:
      history === undefined
        ? view.history
        : (reading.read("history", () => decodeHistory(history)) ?? view.history),
  };
}

/** Under the last number, since the next must be above it. */
async function lastReadable(
  store: PoolStore,
  { reading, snapshot: seen }: PoolView,
  last: number,
  bytes: Uint8Array,
): Promise<RoutingSnapshot | null> {
  let kept: Uint8Array | null = bytes;
  const oldest = Math.max(seen?.epoch ?? 0, last - EPOCHS_KEPT);
  for (let epoch = last; ; kept = await store.at(epoch)) {
    const found = kept;
    const snapshot = found === null ? null : reading.read("snapshot", () => decodeSnapshot(found));
    if (snapshot !== null) return { ...snapshot, epoch: last };
    if (--epoch <= oldest) break;
  }
  return seen === null ? null : { ...seen, epoch: last };
}

function passedOver({ retire, issued }: RolloutRecord, epoch: number): RolloutRecord {
  return { retire, issued: Math.max(issued, epoch) + SKIPPED, pending: null };
}
