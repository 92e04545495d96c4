import type { FastifyInstance } from "fastify";
import type { Gateway } from "../serving/gateway.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";

/** One of the processes that serve behind the port. */
export interface WorkerView {
  readonly pid: number;
  readonly inFlight: number;
}

/** What operators and their tools ask: state, health, readiness, metrics. */
export function operatorRoutes(
  app: FastifyInstance,
  gateway: () => Gateway,
  controlled: readonly ControlledPool[],
  metricsText: () => Promise<string>,
  workers: () => readonly WorkerView[],
): void {
  app.get("/health", async () => ({ status: "ok" }));

  app.get("/ready", async (_request, reply) => {
    if (!gateway().deck.admission.stopped) return { status: "ready" };
    return reply.code(503).send({ status: "stopping" });
  });

  app.get("/metrics", async (_request, reply) =>
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(await metricsText()),
  );

  app.get("/admin/state", async () => ({
    workers: workers(),
    admission: {
      inFlight: gateway().deck.admission.inFlight + gateway().deck.admission.inFlightElsewhere,
      queued: gateway().deck.admission.queued,
      limit: gateway().deck.admission.limits.total.maxInFlight,
    },
    pools: gateway()
      .pools.flatMap(withPrefill)
      .map(({ engine, models, states, health, snapshot, experts }) => ({
        pool: engine.pool,
        models,
        epoch: snapshot?.epoch ?? 0,
        decision: controlled.find(({ loop }) => loop.pool === engine.pool)?.loop.report()?.decision ?? null,
        requestKinds: experts?.kinds ?? null,
        shards: engine.shards.map((shard, i) => ({
          id: shard.id,
          requests: states.requests[i],
          tokens: states.tokens[i],
          reported: { waiting: states.waitingNow(i), kvUse: known(states.kvUseNow(i)) },
          health: health.view(i),
        })),
      })),
  }));
}

function withPrefill(pool: ServingPool): readonly ServingPool[] {
  return pool.prefill === null ? [pool] : [pool, pool.prefill];
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
