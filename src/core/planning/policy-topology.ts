import type { MoeModel } from "../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { BalancePolicy } from "./balance-policy.ts";

/** The pool's GPUs with the slots the policy uses: without redundancy, just enough for one copy of every expert. */
export function policyTopology(model: MoeModel, topology: Topology, policy: BalancePolicy): Topology {
  if (policy.placement !== "contiguous") return topology;
  return { ...topology, slotsPerGpu: Math.ceil(model.experts / gpuCount(topology)) };
}
