import type { FittedEngine } from "../model/fitted-engine.ts";
import type { Plan } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import { roleName, unitName } from "./kubernetes/names.ts";
import { type PoolRole, SERVER_PORT } from "./starts/engine-start.ts";

/** What a gateway waits for streams when it stops: so many times an answer's usual time. */
const ANSWERS = 3;
const LEAST_GRACE_MS = 10_000;
const MOST_GRACE_MS = 600_000;

/** The engine that a plan is installed with. */
export function chosenEngine({ engine }: Pick<PlanProblem, "engine">): FittedEngine {
  return engine ?? "vllm";
}

/** Milliseconds that streams may go on when a gateway or an engine is told to stop: for nearly all answers. */
export function graceMs({ chosen }: Plan): number {
  const answerMs = Math.max(...chosen.trials.map(({ e2eMs }) => e2eMs ?? 0));
  const grace = Math.ceil((ANSWERS * answerMs) / 1000) * 1000;
  return Math.min(MOST_GRACE_MS, Math.max(LEAST_GRACE_MS, grace));
}

/** A gateway's configuration, with the addresses that units have in Kubernetes. */
export function gatewayConfig(plan: Plan, problem: PlanProblem): object {
  const { name } = problem.model;
  const kind = chosenEngine(problem);
  const { prefill, decode } = plan.chosen.layout;
  const serversOf = (role: PoolRole, dp: number) => ({
    urls: Array.from({ length: plan.units }, (_, i) => urlOf(unitName(roleName(name, role), i))),
    ...(dp > 1 && kind !== "trtllm" ? { dataParallelSize: dp } : {}),
  });
  const pool = { name, models: [name] };
  const limits = kind === "trtllm" ? {} : { maxRequestsPerShard: plan.running };
  const pools = () => {
    if (prefill === null) return { ...pool, kind, ...limits, ...serversOf("engine", decode.dp) };
    // It pairs by a server of its own.
    if (kind === "trtllm") return { ...pool, kind: "openai", urls: [urlOf(roleName(name, "pairs"))] };
    return {
      ...pool,
      kind,
      ...limits,
      prefill: serversOf("prefill", prefill.dp),
      decode: serversOf("decode", decode.dp),
    };
  };
  return { http: { graceMs: graceMs(plan) }, pools: [pools()] };
}

function urlOf(host: string): string {
  return `http://${host}:${SERVER_PORT}`;
}
