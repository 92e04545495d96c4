import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { decodeSnapshot } from "../../model/snapshot-bytes.ts";
import type { PoolView } from "../follow/pool-view.ts";
import { type OperatorState, decodeOperatorState } from "../messages/operator-state.ts";
import { type RolloutRecord, decodeRollout } from "../messages/rollout-record.ts";
import type { PoolRecord } from "../store.ts";

/** Numbers given to stages that were not published lie far fewer above the last that was. */
const SKIPPED = 1_000_000;

/** What a pool's last leader left. */
export interface StoredState {
  /** Its epoch is the last that was published; null where there is none to go on from. */
  readonly snapshot: RoutingSnapshot | null;
  readonly rollout: RolloutRecord;
  readonly operatorState: OperatorState;
}

/**
 * What the store has of a pool, and in the place of what it lost, or what cannot be read, what this gateway has seen:
 * the leader writes it again. Of a rollout that cannot be read nobody knows which numbers it gave: those are passed over.
 */
export function storedState({ epoch, snapshot, values }: PoolRecord, view: PoolView): StoredState {
  const { reading } = view;
  const last = snapshot === null ? null : reading.read("snapshot", () => decodeSnapshot(snapshot));
  const seen = snapshot === null || view.snapshot === null ? null : { ...view.snapshot, epoch };
  const rollout = values.get("rollout");
  const orders = values.get("orders");
  return {
    snapshot: last ?? seen,
    rollout:
      rollout === undefined
        ? view.rollout
        : (reading.read("rollout", () => decodeRollout(rollout)) ?? passedOver(view.rollout, epoch)),
    operatorState:
      orders === undefined
        ? view.operatorState
        : (reading.read("operator_state", () => decodeOperatorState(orders)) ?? view.operatorState),
  };
}

function passedOver({ retire, issued }: RolloutRecord, epoch: number): RolloutRecord {
  return { retire, issued: Math.max(issued, epoch) + SKIPPED, pending: null };
}
