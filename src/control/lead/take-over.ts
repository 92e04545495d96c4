import type { DecisionRecord } from "../../model/decision-record.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { PoolChanges } from "../../model/placement-change.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { encodeSnapshot } from "../../model/snapshot-bytes.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { PoolView } from "../follow/pool-view.ts";
import type { PoolHistory } from "../history/pool-history.ts";
import { decodeLearned } from "../messages/learned-load.ts";
import { encodeLeader } from "../messages/leader.ts";
import type { OperatorState } from "../messages/operator-state.ts";
import type { Planner } from "../plan/planner.ts";
import type { PoolStore } from "../store.ts";
import { fits } from "./fits.ts";
import { PoolPublisher, type PoolState } from "./pool-publisher.ts";
import { PoolRanks } from "./pool-ranks.ts";
import { type StoredState, storedState } from "./stored-state.ts";

export interface TakeOverOptions {
  /** The name of this gateway. */
  readonly gateway: string;
  readonly store: PoolStore;
  readonly plane: ExpertPlane;
  readonly planner: Planner;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly wallClock: () => number;
}

/** How a term begins. */
export interface Beginning {
  readonly publisher: PoolPublisher;
  /** One sentence for a person. */
  readonly decision: string;
  /** What the leaders before decided, the oldest first. */
  readonly decisions: readonly DecisionRecord[];
  readonly changes: PoolChanges;
  readonly history: PoolHistory;
}

/**
 * Goes on from what the last leader has stored, or publishes the first epoch, which places for a uniform load.
 * @param view what this gateway has seen: a store that lost it gets it back
 */
export async function takeOver(options: TakeOverOptions, token: number, view: PoolView): Promise<Beginning> {
  const { store, gateway, wallClock, model, topology } = options;
  if (view.snapshot !== null) await store.restore(view.snapshot.epoch, encodeSnapshot(view.snapshot));
  const stored = await storedState(store, view);
  await store.put("leader", encodeLeader({ gateway, sinceMs: wallClock() }), token);
  const left = { ...stored, operatorState: within(stored.operatorState, gpuCount(topology)) };
  return left.snapshot !== null && fits(left.snapshot, model, topology)
    ? goOn(options, token, left, left.snapshot, view)
    : first(options, token, left);
}

async function goOn(
  options: TakeOverOptions,
  token: number,
  { rollout, operatorState, learned, decisions, changes, history }: StoredState,
  snapshot: RoutingSnapshot,
  { reading }: PoolView,
): Promise<Beginning> {
  const { planner } = options;
  const { placement, replicas, shares } = snapshot;
  const load =
    learned === null
      ? null
      : reading.read("learned_load", () => decodeLearned(learned, placement.layers, placement.experts));
  if (load !== null) planner.learn(load);
  planner.accept({ placement, replicas, shares });
  const ranks = new PoolRanks(
    placement,
    operatorState.lost.map(({ rank }) => rank),
  );
  const { retire, issued, pending } = rollout;
  const publisher = publisherOf(options, token, { snapshot, ranks, operatorState, retire, issued });
  await publisher.putOperatorState(operatorState);
  await publisher.putRollout(null);
  const left = { publisher, decisions, changes, history };
  if (pending === null) return { ...left, decision: "took over the lead" };
  const where = `stage ${pending.chunk} of ${pending.chunks}, when its leader went`;
  return { ...left, decision: `given up: ${pending.reason} (${where})` };
}

/** The placement of the first epoch is what the pool's engines are started with: on all ranks, lost ones too. */
async function first(
  options: TakeOverOptions,
  token: number,
  { rollout, operatorState, epoch, decisions, changes, history }: StoredState,
): Promise<Beginning> {
  const { planner, plane, model } = options;
  const plan = await planner.current();
  const change = { kind: "placement", reason: "", atMs: 0, movedSlots: 0, movedBytes: 0 } as const;
  const snapshot = { pool: plane.pool, model: model.name, epoch, change, ...plan, missing: [] };
  const ranks = new PoolRanks(plan.placement, []);
  const publisher = publisherOf(options, token, {
    snapshot,
    ranks,
    operatorState,
    retire: 0,
    issued: rollout.issued,
  });
  await publisher.putOperatorState(operatorState);
  await publisher.publish({ ...change, reason: "first placement, for a uniform load" }, plan);
  publisher.state.retire = publisher.state.snapshot.epoch;
  await publisher.putRollout(null);
  // What is in force now was made for no forecast.
  const { changes: kept } = changes;
  return {
    publisher,
    decisions,
    changes: { forecast: null, changes: kept },
    history,
    decision: "nothing decided yet",
  };
}

function publisherOf(
  { store, planner, wallClock }: TakeOverOptions,
  token: number,
  state: PoolState,
): PoolPublisher {
  return new PoolPublisher(state, store, token, wallClock, (plan) => planner.accept(plan));
}

/** Of a pool that has become smaller, what is said of ranks that there are still. */
function within({ drained, lost, incarnations, ...rest }: OperatorState, ranks: number): OperatorState {
  return {
    ...rest,
    drained: drained.filter((rank) => rank < ranks),
    lost: lost.filter(({ rank }) => rank < ranks),
    incarnations: incarnations.filter(({ rank }) => rank < ranks),
  };
}
