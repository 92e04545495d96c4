import type { FastifyInstance } from "fastify";
import type { Access } from "../access/access.ts";
import type { Config } from "../config/config.ts";
import type { Solver } from "../control/solve/solver.ts";
import type { Store } from "../control/store.ts";
import type { Gateway } from "../serving/gateway.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { RequestTracer } from "../serving/tracing/request-trace.ts";
import { type BareApp, bareApp } from "./bare-app.ts";
import { Acceptors } from "./acceptors.ts";
import { dashboard } from "./dashboard.ts";
import { encodingFault } from "./content-encoding.ts";
import type { CaptureView, WorkerView } from "./admin-state.ts";
import type { BodyMemory } from "./body-memory.ts";
import { CONTROL_BODY_BYTES, controlBodies, controlMemory, jsonReader } from "./control-body.ts";
import { Cors } from "./cors.ts";
import { eventRoutes } from "./event-routes.ts";
import { changesRoutes } from "./changes-routes.ts";
import { exchangeRoute } from "./exchange-route.ts";
import { expertRoutes } from "./expert-routes.ts";
import { loadRoute } from "./load-route.ts";
import type { TlsServers } from "./listening-server.ts";
import { type LocalityParts, localityRoute } from "./locality-route.ts";
import { historyRoute } from "./history-route.ts";
import { openAiRoutes } from "./openai-routes.ts";
import { openApiRoute } from "./openapi/route.ts";
import { OperatorDoor } from "./operator-door.ts";
import { type OperatorParts, operatorRoutes, probeRoutes } from "./operator-routes.ts";
import { orderRoutes } from "./order-routes.ts";
import { otherMethods } from "./other-methods.ts";
import { Peers } from "./peer.ts";
import type { ShardNames } from "./shard-names.ts";
import type { OriginReader } from "./request-origin.ts";
import { simulationRoutes } from "./simulation-routes.ts";
import { planRoute, solveRoute } from "./solve-route.ts";
import { type WhatIfs, whatIfRoute } from "./what-if-route.ts";
import type { ReadingTurns } from "./reading-turns.ts";
import { relayRoutes } from "./relay-routes.ts";

export interface AppParts {
  /** The one that takes requests now. */
  readonly gateway: () => Gateway;
  /** Those there are now. */
  readonly controlled: readonly ControlledPool[];
  /** Is called when a reload has changed `controlled`. @returns the way to stop listening */
  readonly onPoolsChange: (listener: () => void) => () => void;
  readonly store: Store;
  readonly solver: Solver;
  readonly planner: Solver;
  readonly whatIfs: WhatIfs;
  readonly localityOf: LocalityParts["localityOf"];
  /** This gateway's among those that share the store. */
  readonly gatewayName: string;
  readonly metricsText: OperatorParts["metricsText"];
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** The processes that serve behind the port, where there are several. */
  readonly workers: () => readonly WorkerView[];
  /** What is recorded of the traffic. */
  readonly capture: () => CaptureView;
  /** The socket of the process that answers operators and engines; null where this one does. */
  readonly operatorSocket: string | null;
  /** Null where no request is traced. */
  readonly tracer: RequestTracer | null;
  /** For the bodies of all requests. */
  readonly memory: BodyMemory;
  readonly turns: ReadingTurns;
  readonly origins: OriginReader;
  readonly shards: ShardNames;
  readonly access: Access;
  /** Whether clients reach it through local workers alone, on a socket in the file system. */
  readonly onSocket: boolean;
}

/** What anybody may ask, who watches whether the gateway serves. */
const PROBES = ["/health", "/ready"];

/** Who a listener answers: everybody, or only clients and probes, or only operators and engines. */
export type Answers = "all" | "clients" | "operators";

/** What listens for requests. */
export interface HttpApp {
  readonly app: FastifyInstance;
  /** Null where it speaks unencrypted. */
  readonly servers: TlsServers | null;
  readonly acceptors: Acceptors;
}

/** The HTTP side of the gateway, not yet listening. */
export async function httpApp(config: Config, parts: AppParts, answers: Answers): Promise<HttpApp> {
  const { operatorSocket } = parts;
  const tls = answers === "operators" ? config.listenerTls.admin : config.listenerTls.http;
  // Local workers relay to a socket in the file system.
  const bare = bareApp(config, parts.onSocket && answers !== "operators" ? null : tls, parts.gateway);
  const { app, servers, refusals } = bare;
  const whole = { app, servers, acceptors: new Acceptors(app.server) };
  const refuseOtherMethods = otherMethods(app);
  openApiRoute(app);
  if (answers !== "operators") await clientRoutes(config, parts, bare);
  if (operatorSocket !== null) {
    refuseOtherMethods();
    const paths = answers === "all" ? ["/*"] : PROBES;
    await app.register(async (scope) => relayRoutes(scope, operatorSocket, refusals, paths));
    return whole;
  }
  if (answers === "clients")
    await app.register(async (scope) => probeRoutes(scope, parts, async () => false));
  else {
    const { host } = answers === "operators" ? config.http.admin : config.http;
    await privateRoutes(host, parts, bare);
  }
  refuseOtherMethods();
  return whole;
}

async function clientRoutes(
  { http }: Config,
  parts: AppParts,
  { app, log, refusals }: BareApp,
): Promise<void> {
  const { gateway, memory, turns, origins, shards, tracer } = parts;
  const cors = new Cors(http.corsOrigins);
  const proxying = { gateway, origins, http, memory, turns, cors, shards, refusals, tracer, log };
  await app.register(async (scope) => openAiRoutes(scope, proxying));
}

/** Those of operators and engines, and the dashboard. @param host where it listens */
async function privateRoutes(host: string, parts: AppParts, { app, refuseOperator }: BareApp): Promise<void> {
  const { controlled, wallClock, gateway, access } = parts;
  const { meter } = gateway().deck;
  const peers = new Peers(app.server);
  await app.register(async (scope) => {
    scope.setErrorHandler(refuseOperator);
    const door = new OperatorDoor(scope, { access, host, peers, clock: gateway().deck.clock });
    scope.addHook("onRequest", (request, _reply, done) => done(encodingFault(request.headers) ?? undefined));
    const bodies = controlMemory();
    await scope.register(async (json) => {
      const terms = { memory: bodies, limitOf: () => CONTROL_BODY_BYTES, read: jsonReader(json) };
      controlBodies(json, ["application/json"], terms);
      expertRoutes(json, controlled, door);
      eventRoutes(json, { ...parts, pools: controlled, meter, wallClock });
      historyRoute(json, controlled, wallClock);
      changesRoutes(json, controlled);
      exchangeRoute(json, controlled);
      orderRoutes(json, controlled, peers, door);
      simulationRoutes(json, controlled);
      whatIfRoute(json, controlled, parts.whatIfs, peers);
      localityRoute(json, parts);
      probeRoutes(json, parts, (request) => door.isOperator(request));
      operatorRoutes(json, parts);
    });
    await scope.register(async (loads) => loadRoute(loads, controlled, bodies, door));
    solveRoute(scope, parts.solver, peers, bodies);
    planRoute(scope, parts.planner, peers, bodies);
  });
  await app.register(dashboard);
}
