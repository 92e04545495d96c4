import cluster from "node:cluster";
import { type App, compose } from "../compose.ts";
import type { Config } from "../config/config.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import { SharedCounts } from "../serving/sharing/shared-counts.ts";
import { TrafficLog } from "../serving/traffic/traffic-log.ts";
import {
  type PoolOutcome,
  type PrimaryMessage,
  ROUTED_EVERY_MS,
  TELL_EVERY_MS,
  type WorkerMessage,
} from "./messages.ts";
import { hearOutcomes } from "./hear-outcomes.ts";

/** Where a worker finds its primary's socket. */
export const SOCKET_VARIABLE = "PLIMSOLL_OPERATOR_SOCKET";

/**
 * Serves beside other processes behind one port, until the primary says stop or is gone.
 * @param onLine hears one line for a person
 */
export async function serveAsWorker(onLine: (line: string) => void): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  process.once("disconnect", stopped.resolve);
  // The first message is the configuration; what comes while the parts are made is heard once they are.
  const told = Promise.withResolvers<Config>();
  const early: PrimaryMessage[] = [];
  let take = (message: PrimaryMessage): void => {
    early.push(message);
    if (message.kind === "reload") told.resolve(message.config);
  };
  process.on("message", (message) => take(message as PrimaryMessage));
  const config = await told.promise;
  const traffic = new TrafficLog();
  const outcomes: PoolOutcome[] = [];
  /** Settled when the primary says that the servers were asked what they list. */
  let refreshed = Promise.withResolvers<void>();
  const app = await compose(config, {
    routing: null,
    recordTokens: 0,
    onFault: (fault) => onLine(fault.message),
    // Every worker sees the same; the primary says it once.
    onNotice: () => {},
    healthListener: {
      outcome: (pool, outcome) => outcomes.push([pool, outcome]),
      news: () => {},
    },
    follows: {
      operatorSocket: process.env[SOCKET_VARIABLE] ?? "",
      traffic,
      refreshModels: () => {
        tell({ kind: "refreshModels" });
        return refreshed.promise;
      },
    },
  });
  const counts = new SharedCounts();
  take = (message) => {
    if (message.kind === "modelsRefreshed") {
      refreshed.resolve();
      refreshed = Promise.withResolvers();
    } else hear(message, app, counts, stopped.resolve, onLine);
  };
  for (const message of early.slice(1)) take(message);
  // A terminal's signals reach the workers too, but the primary says what to do.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

  try {
    const { url } = await app.start();
    tell({ kind: "listening", url });
    const share = () => tell(shared(app, counts, outcomes.splice(0), traffic));
    const timer = setInterval(share, TELL_EVERY_MS);
    const routedTimer = setInterval(() => tellRouted(app), ROUTED_EVERY_MS);
    await stopped.promise;
    await app.stop();
    clearInterval(timer);
    clearInterval(routedTimer);
    share();
  } finally {
    // What connects it to the primary keeps it alive.
    cluster.worker?.disconnect();
  }
}

function hear(
  message: Exclude<PrimaryMessage, { kind: "modelsRefreshed" }>,
  app: App,
  counts: SharedCounts,
  stop: () => void,
  onLine: (line: string) => void,
): void {
  const pools = servingOf(app);
  switch (message.kind) {
    case "others":
      counts.others(pools, message.shared.shards);
      hearOutcomes(pools, message.shared.outcomes);
      app.gateway().deck.admission.others(message.shared.admission);
      return;
    case "snapshot":
      for (const pool of pools) if (pool.engine.pool === message.snapshot.pool) pool.adopt(message.snapshot);
      return;
    case "probe": {
      const { pool: name, server, news } = message.probe;
      const pool = pools.find(({ engine }) => engine.pool === name);
      const asked = pool?.engine.servers.find((one) => one.name === server);
      if (asked !== undefined) pool?.health.news(asked, news);
      return;
    }
    case "reload":
      reload(message.config, app, counts).catch((error: Error) => onLine(error.message));
      return;
    case "stop":
      stop();
  }
}

async function reload(config: Config, app: App, counts: SharedCounts): Promise<void> {
  const before = servingOf(app);
  await app.reload(config);
  counts.forget(before, servingOf(app));
  tell({ kind: "reloaded" });
}

function shared(
  app: App,
  counts: SharedCounts,
  outcomes: readonly PoolOutcome[],
  traffic: TrafficLog,
): WorkerMessage {
  const { admission, meter } = app.gateway().deck;
  const shards = counts.own(servingOf(app));
  return {
    kind: "shared",
    shared: { admission: admission.usage(), shards, outcomes },
    traffic: { ...meter.totals, ...traffic.take() },
  };
}

/** Loads counted from answers, for the process that reports them. */
function tellRouted(app: App): void {
  for (const { engine, routedLoad } of servingOf(app)) {
    const tokens = routedLoad?.take() ?? null;
    if (tokens !== null) tell({ kind: "routed", pool: engine.pool, tokens });
  }
}

function servingOf({ pools }: App): readonly ServingPool[] {
  return pools.flatMap(({ serving }) => serving);
}

/** A primary that is gone need not know. */
function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}
