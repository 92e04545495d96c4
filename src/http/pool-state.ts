import type { ControlledPool } from "../control/controlled-pool.ts";
import type { PoolState } from "../model/pool-state.ts";

/** How a pool is, as this gateway sees it. */
export function poolState({ loop, loadLine }: ControlledPool): PoolState {
  const { pool, ranks, rankStates, model, view, leader } = loop;
  const { snapshot, operatorState, rollout, engine } = view;
  const ranksThatAre = (state: string) => [...rankStates.keys()].filter((rank) => rankStates[rank] === state);
  const { pending } = rollout;
  return {
    pool,
    ranks,
    lost: operatorState.lost.toSorted((a, b) => a.rank - b.rank),
    draining: ranksThatAre("draining"),
    drained: ranksThatAre("drained"),
    missing: (snapshot?.missing ?? []).map(({ layer, experts }) => ({
      layer: model.moeLayers[layer],
      experts,
    })),
    leader,
    rollout:
      pending === null
        ? null
        : { reason: pending.reason, phase: pending.phase, stage: pending.chunk, stages: pending.chunks },
    paused: operatorState.paused,
    loadLine,
    engine,
  };
}
