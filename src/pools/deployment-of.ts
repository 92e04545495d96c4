import type { PoolConfig } from "../config/config.ts";
import { USUAL_GPU } from "../config/gpus/chosen-gpu.ts";
import type { Deployment } from "../model/deployment.ts";

/** @param role of the servers, where a pool has several kinds. @param policy theirs */
export function deploymentOf(
  pool: PoolConfig,
  role: Deployment["role"],
  policy: Deployment["policy"],
): Deployment {
  const base = { role, policy, gpu: null, precision: null, experts: null };
  if (pool.kind === "disaggregated") return { ...base, kind: pool.engine };
  const experts =
    pool.experts === null
      ? null
      : {
          model: pool.experts.model.name,
          topology: pool.experts.topology,
          dispatch: pool.experts.dispatch,
        };
  if (pool.kind !== "simulated") return { ...base, kind: pool.kind, experts };
  const { gpu, precision } = pool;
  return { ...base, kind: pool.kind, gpu: gpu?.gpu.name ?? USUAL_GPU, precision, experts };
}
