import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { ServingPool } from "../serving/serving-pool.ts";
import { type AdminStateParts, adminState } from "./admin-state.ts";
import { poolReadiness } from "./pool-readiness.ts";

const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS_TEXT = "application/openmetrics-text; version=1.0.0; charset=utf-8";

export interface OperatorParts extends AdminStateParts {
  /** @param open as OpenMetrics has it, else as Prometheus does */
  readonly metricsText: (whose: "gateway" | "experts", open: boolean) => Promise<string>;
}

/**
 * The routes of those who watch whether the gateway serves.
 * @param isOperator whether a request is an operator's: what is open to all then says more
 */
export function probeRoutes(
  app: FastifyInstance,
  { gateway, store, controlled }: AdminStateParts,
  isOperator: (request: IncomingMessage) => Promise<boolean>,
): void {
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
    const ofStore = (await isOperator(raw)) ? { store: reachable, storeFault: fault } : { store: reachable };
    return reply
      .code(status === "ready" ? 200 : 503)
      .send({ status, pools: Object.fromEntries(pools), ...ofStore, epochs });
  });
}

/** The routes of operators and their tools: operator state and metrics. */
export function operatorRoutes(app: FastifyInstance, parts: OperatorParts): void {
  const { metricsText } = parts;
  for (const [path, whose] of [
    ["/metrics", "gateway"],
    ["/metrics/experts", "experts"],
  ] as const)
    app.get(path, async ({ headers }, reply) => {
      const open = asksForOpenMetrics(headers.accept);
      return reply.type(open ? OPEN_METRICS_TEXT : PROMETHEUS_TEXT).send(await metricsText(whose, open));
    });

  app.get("/admin/state", async () => adminState(parts));
}

/** Prometheus names its own form too, with less weight; a weight of 0 is none. */
function asksForOpenMetrics(accept: string | undefined): boolean {
  return (accept ?? "").split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "application/openmetrics-text" && !parameters.some((one) => /^q=0(?:\.0*)?$/.test(one));
  });
}

/** The configuration's name of a pool; its engines are named after their part of the work. */
function nameOf({ engine, prefill }: ServingPool): string {
  return prefill === null ? engine.pool : engine.pool.replace(/\.decode$/, "");
}
