import type { ControlledPool } from "../control/controlled-pool.ts";
import type { Store } from "../control/store.ts";
import type { Gateway } from "../serving/gateway.ts";
import type { ServingPool } from "../serving/serving-pool.ts";

/** Clients may invent as many as they like. */
const TENANTS_SHOWN = 20;

/** One of the processes that serve behind the port. */
export interface WorkerView {
  readonly pid: number;
  readonly inFlight: number;
}

/** What became of requests that are recorded as a trace. */
export interface CaptureView {
  readonly on: boolean;
  /** Why requests are not written now, where one process serves; null while they are. */
  readonly fault: string | null;
  readonly written: number;
  readonly bytes: number;
  readonly queueFull: number;
  readonly unwritten: number;
}

export interface AdminStateParts {
  readonly gateway: () => Gateway;
  /** This gateway's among those that share the store. */
  readonly gatewayName: string;
  readonly store: Store;
  readonly controlled: readonly ControlledPool[];
  readonly workers: () => readonly WorkerView[];
  readonly capture: () => CaptureView;
}

/** What `/admin/state` says. Plain JSON. */
export function adminState(parts: AdminStateParts) {
  const { gateway, gatewayName, store, workers, capture } = parts;
  return {
    gateway: gatewayName,
    store: { name: store.name, reachable: store.fault === null, fault: store.fault },
    workers: workers(),
    capture: capture(),
    admission: {
      inFlight: gateway().deck.admission.inFlight + gateway().deck.admission.remoteInFlight,
      queued: gateway().deck.admission.queued,
      limit: gateway().deck.admission.limits.total.maxInFlight,
      tenants: gateway().deck.admission.busiestTenants(TENANTS_SHOWN),
    },
    models: gateway().choices,
    pools: poolStates(parts),
  };
}

/** What it says of pools. */
export function poolStates({ gateway, controlled }: Pick<AdminStateParts, "gateway" | "controlled">) {
  return gateway()
    .pools.flatMap(withPrefill)
    .map(({ engine, models, states, health, snapshot, experts, deployment }) => ({
      pool: engine.pool,
      models,
      deployment,
      servers: engine.servers.length,
      epoch: snapshot?.epoch ?? 0,
      control: controlState(controlledBy(controlled, engine.pool)),
      engine: controlledBy(controlled, engine.pool)?.loop.view.engine ?? null,
      requestKinds: experts?.kinds ?? null,
      shards: engine.shards.map((shard, i) => ({
        id: shard.id,
        requests: states.requests[i],
        tokens: states.tokens[i],
        reported: { waiting: states.waitingNow(i), kvUse: known(states.kvUseNow(i)) },
        models: [...(states.models[i] ?? models)],
        health: health.view(i),
      })),
    }));
}

function controlledBy(pools: readonly ControlledPool[], name: string): ControlledPool | null {
  return pools.find(({ loop }) => loop.pool === name) ?? null;
}

/** What is known here of a pool's leader and its work; null without an expert plane. */
function controlState(pool: ControlledPool | null) {
  if (pool === null) return null;
  const { view, leader, leading, rankStates, totals } = pool.loop;
  const { snapshot, operatorState, rollout, report } = view;
  const { pending, retire } = rollout;
  return {
    leader,
    leading,
    decision: report?.decision ?? null,
    loads: report?.loads ?? null,
    balancedness: report?.balancedness ?? null,
    paused: operatorState.paused,
    ranks: rankStates,
    missing: snapshot?.missing ?? [],
    retire,
    rollout:
      pending === null
        ? null
        : {
            epoch: pending.epoch,
            phase: pending.phase,
            layers: pending.layers,
            chunk: pending.chunk,
            chunks: pending.chunks,
            reason: pending.reason,
          },
    totals,
  };
}

function withPrefill(pool: ServingPool): readonly ServingPool[] {
  return pool.prefill === null ? [pool] : [pool, pool.prefill];
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
