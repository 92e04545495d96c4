import type { ControlledPool } from "../control/controlled-pool.ts";
import { RANK_STATES } from "../control/messages/operator-state.ts";
import { rebalanceGain } from "../model/rebalance-gain.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type {
  ControlReading,
  DeployedReading,
  PlacedReading,
  Readings,
  ShardReading,
} from "../telemetry/readings.ts";
import type { PoolSet } from "./pool-set.ts";

/** What measures read of pools when they are asked, always of those there are then. */
export function poolReadings(
  pools: PoolSet,
): Pick<Readings, "deployed" | "placed" | "shards" | "routedExperts" | "pools" | "engines" | "control"> {
  const serving = () => pools.all.flatMap((pool) => pool.serving);
  return {
    deployed: () => serving().flatMap(deployedReading),
    placed: () => pools.controlled.flatMap(placedReading),
    shards: () => serving().flatMap(shardReadings),
    routedExperts: () =>
      pools.all.flatMap(({ front: { engine } }) =>
        engine.routedExperts === undefined ? [] : [{ pool: engine.pool, counts: engine.routedExperts }],
      ),
    pools: () => pools.controlled.flatMap(({ loop }) => loop.view.report ?? []),
    engines: () =>
      pools.controlled.flatMap(({ loop: { pool, view } }) =>
        view.engine === null ? [] : [{ pool, engine: view.engine }],
      ),
    control: () => pools.controlled.map(controlReading),
  };
}

function controlReading({ loop, inbox, loadLine, prepareTimeoutMs }: ControlledPool): ControlReading {
  const { pool, leading, totals, view, stageAgeMs } = loop;
  const { snapshot, operatorState } = view;
  return {
    pool,
    epoch: snapshot?.epoch ?? null,
    leading,
    paused: operatorState.paused,
    loadLine,
    gain: rebalanceGain(view.decisions),
    stageAgeMs,
    stageLimitMs: prepareTimeoutMs,
    ...totals,
    missingExperts: (snapshot?.missing ?? []).reduce((sum, { experts }) => sum + experts.length, 0),
    ranks: new Map(
      RANK_STATES.map((state) => [state, loop.rankStates.filter((one) => one === state).length]),
    ),
    reports: inbox?.counts ?? null,
  };
}

function shardReadings({ engine, states }: ServingPool): ShardReading[] {
  return engine.shards.map(({ pool, id }, i) => ({
    pool,
    shard: id,
    requests: states.requests[i],
    tokens: states.tokens[i],
    ready: states.ready[i] === 1,
    admitting: states.admitting[i] === 1,
    waiting: states.waitingNow(i),
    kvUse: Number.isNaN(states.kvUseNow(i)) ? null : states.kvUseNow(i),
  }));
}

function deployedReading({ engine: { pool }, models, deployment }: ServingPool): DeployedReading[] {
  return deployment === null ? [] : [{ pool, models, ...deployment }];
}

function placedReading({ loop: { pool, model, view } }: ControlledPool): PlacedReading[] {
  if (view.snapshot === null) return [];
  const { placement, replicas } = view.snapshot;
  const { layers, experts } = placement;
  const replicasOf = (row: number, expert: number) => {
    const at = row * experts + expert;
    return replicas.offsets[at + 1] - replicas.offsets[at];
  };
  return [{ pool, layers, experts, layerNumbers: model.moeLayers, replicasOf }];
}
