import { Reading } from "../../lib/reading.ts";

/** What a pool's part of the store holds that gateways read, as metrics and log lines name it. */
const POOL_KINDS = [
  "snapshot",
  "message",
  "rollout",
  "operator_state",
  "leader",
  "learned_load",
  "pool_report",
  "decisions",
  "changes",
  "history",
  "gpu_history",
  "engine",
  "exchange",
  "expert_sketch",
  "audit_entry",
] as const;

export type PoolKind = (typeof POOL_KINDS)[number];
export type PoolReading = Reading<PoolKind>;

/** @param onFault receives one line for each kind and reason */
export function poolReading(pool: string, onFault: (fault: Error) => void): PoolReading {
  return new Reading(`pool ${pool}`, POOL_KINDS, onFault);
}
