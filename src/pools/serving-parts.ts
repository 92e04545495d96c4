import type { Config, ExpertGroup, PoolConfig } from "../config/config.ts";
import { Rng } from "../lib/rng.ts";
import type { Deployment } from "../model/deployment.ts";
import type { RoutingPolicy } from "../model/routing-policy.ts";
import { gpuCount } from "../model/topology.ts";
import { createPolicy } from "../routing/policies.ts";
import { Router } from "../routing/router.ts";
import { expertAffinity } from "../routing/scorers/expert-affinity.ts";
import { ShardStates } from "../routing/shard-states.ts";
import { ExpertAffinity } from "../serving/affinity/expert-affinity.ts";
import type { Engine } from "../serving/engine.ts";
import { PoolHealth } from "../serving/health/pool-health.ts";
import type { ServingParts } from "../serving/serving-pool.ts";
import { deploymentOf } from "./deployment-of.ts";
import type { PoolMakings } from "./surroundings.ts";

/** A turn of `ExpertAffinity` takes 1.4 ms or less for DeepSeek-V3 on 32 GPUs: 7 % of the thread's time. */
const BETWEEN_TURNS_MS = 20;

/** What serves requests on an engine's shards, with neither experts nor a prefill. */
export function servingParts(
  engine: Engine,
  pool: PoolConfig,
  policy: RoutingPolicy,
  { health, routing }: Config,
  { surroundings, clock, wallClock }: PoolMakings,
  role: Deployment["role"] = "whole",
): ServingParts {
  const { models, maxRequestsPerShard } = pool;
  const rng = new Rng(wallClock());
  const states = new ShardStates(engine.shards.length, clock);
  states.maxRequests.fill(maxRequestsPerShard);
  const shardIds = engine.shards.map(({ id }) => id);
  const { prefixIndexBytes } = routing;
  const router = new Router(createPolicy(policy, { shardIds, prefixIndexBytes }), states, rng);
  const watch = new PoolHealth({
    engine,
    models,
    states,
    settings: health,
    clock,
    rng,
    probes: surroundings.follows === undefined,
    listener: surroundings.healthListener ?? null,
    onNotice: surroundings.onNotice,
    onRestarted: (shard) => {
      router.forget(shard);
      states.speeds.forget(shard);
    },
  });
  const deployment = deploymentOf(pool, role, policy);
  return { name: pool.name, engine, models, states, router, health: watch, deployment };
}

/** Null where the policy does not use experts, or the shards do not show which GPUs they are. */
export function expertAffinityOf(
  { engine, router }: ServingParts,
  { model, topology }: ExpertGroup,
  { routing }: Config,
  { surroundings, clock }: PoolMakings,
): ExpertAffinity | null {
  const shards = engine.shards.length;
  if (!router.scores(expertAffinity)) return null;
  const gpus = gpuCount(topology);
  if (shards === 0) return null;
  if (gpus % shards !== 0) {
    surroundings.onNotice(
      `${engine.pool}: ${gpus} GPUs cannot be dealt out to ${shards} shards; requests are routed without regard to experts`,
    );
    return null;
  }
  const later = (turn: () => void) => void setTimeout(turn, BETWEEN_TURNS_MS).unref();
  const sketchBytes = routing.expertSketchBytes;
  return new ExpertAffinity({ model, topology, shards, sketchBytes, clock, later });
}
