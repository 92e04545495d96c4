import type { DecisionRecord } from "../../src/model/decision-record.ts";
import type { PoolState } from "../../src/model/pool-state.ts";

/** A pool of two ranks that is well, as the gateway sends it; typed by the gateway, so that the page's own types are held to it. */
export function poolState(differences: Partial<PoolState>): PoolState {
  return {
    pool: "p",
    ranks: 2,
    lost: [],
    draining: [],
    drained: [],
    missing: [],
    leader: { gateway: "gw-1", sinceMs: 0 },
    rollout: null,
    paused: false,
    loadLine: 1.25,
    engine: null,
    ...differences,
  };
}

/** A placement that is in force. */
export function decision(differences: Partial<DecisionRecord>): DecisionRecord {
  return {
    id: 1,
    kind: "placement",
    reason: "re-placed",
    state: "done",
    why: null,
    atMs: 0,
    endMs: 1000,
    times: 1,
    stages: { done: 1, of: 1 },
    movedSlots: 3,
    movedBytes: 30,
    weighed: null,
    before: null,
    after: null,
    ...differences,
  };
}
