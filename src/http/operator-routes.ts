import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { Gateway } from "../serving/gateway.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { Store } from "../control/store.ts";
import { poolReadiness } from "./pool-readiness.ts";

/** Clients may invent as many as they like. */
const TENANTS_SHOWN = 20;
const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS_TEXT = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

export interface OperatorParts {
  readonly gateway: () => Gateway;
  /** This gateway's among those that share the store. */
  readonly gatewayName: string;
  readonly store: Store;
  readonly controlled: readonly ControlledPool[];
  /** @param open as OpenMetrics has it, else as Prometheus does */
  readonly metricsText: (whose: "gateway" | "experts", open: boolean) => Promise<string>;
  readonly workers: () => readonly WorkerView[];
  readonly capture: () => CaptureView;
  /** Whether a request is an operator's: what is open to all then says more. */
  readonly isOperator: (request: IncomingMessage) => boolean;
}

/** The routes of operators and their tools: operator state, health, readiness, metrics. */
export function operatorRoutes(app: FastifyInstance, parts: OperatorParts): void {
  const { gateway, gatewayName, store, controlled, metricsText, workers, capture, isOperator } = parts;
  app.get("/health", async () => ({ status: "ok" }));

  app.get("/ready", async ({ raw }, reply) => {
    const pools = gateway().pools.map((pool) => [nameOf(pool), poolReadiness(pool)] as const);
    const ready = pools.some(([, pool]) => pool.ready);
    const serves = ready ? "ready" : "not_ready";
    const status = gateway().deck.admission.stopped ? "stopping" : serves;
    // Without its store it continues to serve by the last epochs it has received.
    const epochs = Object.fromEntries(
      controlled.map(({ loop: { pool, view } }) => [pool, view.snapshot?.epoch ?? 0]),
    );
    const { fault } = store;
    const reachable = fault === null ? "reachable" : "unreachable";
    const ofStore = isOperator(raw) ? { store: reachable, storeFault: fault } : { store: reachable };
    return reply
      .code(status === "ready" ? 200 : 503)
      .send({ status, pools: Object.fromEntries(pools), ...ofStore, epochs });
  });

  for (const [path, whose] of [
    ["/metrics", "gateway"],
    ["/metrics/experts", "experts"],
  ] as const)
    app.get(path, async ({ headers }, reply) => {
      const open = asksForOpenMetrics(headers.accept);
      return reply.type(open ? OPEN_METRICS_TEXT : PROMETHEUS_TEXT).send(await metricsText(whose, open));
    });

  app.get("/admin/state", async () => ({
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
    pools: gateway()
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
      })),
  }));
}

/** Prometheus names its own form too, with less weight; a weight of 0 is none. */
function asksForOpenMetrics(accept: string | undefined): boolean {
  return (accept ?? "").split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "application/openmetrics-text" && !parameters.some((one) => /^q=0(?:\.0*)?$/.test(one));
  });
}

function controlledBy(pools: readonly ControlledPool[], name: string): ControlledPool | null {
  return pools.find(({ loop }) => loop.pool === name) ?? null;
}

/** What is known here of a pool's leader and its work; null without an expert plane. */
function controlState(pool: ControlledPool | null) {
  if (pool === null) return null;
  const { view, leading, rankStates, totals } = pool.loop;
  const { snapshot, operatorState, rollout, report, leader } = view;
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

/** The configuration's name of a pool; its engines are named after their part of the work. */
function nameOf({ engine, prefill }: ServingPool): string {
  return prefill === null ? engine.pool : engine.pool.replace(/\.decode$/, "");
}

function withPrefill(pool: ServingPool): readonly ServingPool[] {
  return pool.prefill === null ? [pool] : [pool, pool.prefill];
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
