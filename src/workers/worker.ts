import cluster from "node:cluster";
import { type App, compose } from "../compose.ts";
import type { Config } from "../config/config.ts";
import { serverInstance } from "../serving/engine.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import { ownCounts, setOthers } from "../serving/sharing/shared-counts.ts";
import { TrafficLog } from "../serving/traffic/traffic-log.ts";
import {
  type PoolOutcome,
  type PrimaryMessage,
  LOCALITY_EVERY_MS,
  ROUTED_EVERY_MS,
  SHARE_EVERY_MS,
  USE_EVERY_MS,
  type WorkerMessage,
} from "./messages.ts";
import { receiveOutcomes } from "./receive-outcomes.ts";

/** Where a worker finds its primary's socket. */
export const SOCKET_VARIABLE = "PLIMSOLL_OPERATOR_SOCKET";

/**
 * Serves beside other processes behind one port, until the primary sends `stop` or is gone.
 * @param onLine receives one line for a person
 */
export async function serveAsWorker(onLine: (line: string) => void): Promise<void> {
  // A terminal's signals reach the workers too, but they follow the primary.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const stopped = Promise.withResolvers<void>();
  process.once("disconnect", stopped.resolve);
  // The first message is the configuration; messages that arrive while the parts are made are handled after that.
  const first = Promise.withResolvers<Extract<PrimaryMessage, { kind: "begin" }>>();
  const early: PrimaryMessage[] = [];
  let receive = (message: PrimaryMessage): void => {
    early.push(message);
    if (message.kind === "begin") first.resolve(message);
  };
  process.on("message", (message) => receive(message as PrimaryMessage));
  const { config, captureSalt } = await first.promise;
  const traffic = new TrafficLog();
  const outcomes: PoolOutcome[] = [];
  /** Resolves when the primary reports that the servers were asked what they list. */
  let refreshed = Promise.withResolvers<void>();
  const app = await compose(config, {
    routing: null,
    recordTokens: 0,
    onFault: (fault) => onLine(fault.message),
    // Every worker sees the same; the primary prints it once.
    onNotice: () => {},
    healthListener: {
      outcome: (pool, instance, outcome) => outcomes.push([pool, instance, outcome]),
      news: () => {},
    },
    follows: {
      operatorSocket: process.env[SOCKET_VARIABLE] ?? "",
      traffic,
      refreshModels: () => {
        send({ kind: "refreshModels" });
        return refreshed.promise;
      },
      captureSalt,
      onOwnNotice: onLine,
    },
  });
  receive = (message) => {
    if (message.kind === "modelsRefreshed") {
      refreshed.resolve();
      refreshed = Promise.withResolvers();
    } else if (message.kind !== "begin") handle(message, app, stopped.resolve, onLine);
  };

  try {
    const started = app.start();
    for (const message of early.slice(1)) receive(message);
    send({ kind: "listening", ...(await started) });
    const share = () => send(shared(app, outcomes.splice(0), traffic));
    const timer = setInterval(share, SHARE_EVERY_MS);
    const routedTimer = setInterval(() => reportRouted(app), ROUTED_EVERY_MS);
    const localityTimer = setInterval(() => reportLocalities(app), LOCALITY_EVERY_MS);
    const useTimer = setInterval(reportUse, USE_EVERY_MS);
    await stopped.promise;
    await app.stop();
    clearInterval(timer);
    clearInterval(routedTimer);
    clearInterval(localityTimer);
    reportLocalities(app);
    clearInterval(useTimer);
    reportUse();
    share();
  } finally {
    // The connection to the primary would keep the process alive.
    cluster.worker?.disconnect();
  }
}

function handle(
  message: Exclude<PrimaryMessage, { kind: "begin" | "modelsRefreshed" }>,
  app: App,
  stop: () => void,
  onLine: (line: string) => void,
): void {
  const pools = servingOf(app);
  switch (message.kind) {
    case "others":
      setOthers(pools, message.shared.shards);
      receiveOutcomes(pools, message.shared.outcomes);
      app.gateway().deck.admission.others(message.shared.admission);
      app.localities.setMoved(message.shared.moved);
      return;
    case "samples":
      app.localities.find(message.model)?.hear(message.samples);
      return;
    case "groups": {
      const locality = app.localities.find(message.model);
      if (message.groups === null) locality?.learning.forget();
      else locality?.takeGroups(message.groups);
      return;
    }
    case "snapshot":
      for (const pool of pools)
        if (pool.engine.pool === message.snapshot.pool) pool.switchTo(message.snapshot);
      return;
    case "probe": {
      const { pool: name, server, news } = message.probe;
      const pool = pools.find(({ engine }) => engine.pool === name);
      const asked = pool?.engine.servers.find((one) => serverInstance(one) === server);
      if (asked !== undefined) pool?.health.news(asked, news);
      return;
    }
    case "reload":
      void reload(message.config, app, onLine);
      return;
    case "stop":
      stop();
  }
}

async function reload(config: Config, app: App, onLine: (line: string) => void): Promise<void> {
  try {
    await app.reload(config);
    send({ kind: "reloaded", done: true });
  } catch (error) {
    onLine(`worker ${process.pid} cannot reload: ${(error as Error).message}`);
    send({ kind: "reloaded", done: false });
  }
}

function shared(app: App, outcomes: readonly PoolOutcome[], traffic: TrafficLog): WorkerMessage {
  const { admission, meter } = app.gateway().deck;
  const shards = ownCounts(servingOf(app));
  return {
    kind: "shared",
    shared: { admission: admission.usage(), shards, outcomes, moved: app.localities.moved() },
    traffic: { ...meter.totals, ...traffic.take() },
    captured: app.captured(),
  };
}

/** Reports the loads that were counted from answers. */
function reportRouted(app: App): void {
  for (const { engine, routedLoad } of servingOf(app)) {
    const tokens = routedLoad?.take() ?? null;
    if (tokens !== null) send({ kind: "routed", pool: engine.pool, tokens });
  }
}

function reportLocalities({ localities }: App): void {
  for (const one of localities.all) send({ kind: "locality", share: one.share() });
}

function reportUse(): void {
  const { user, system } = process.cpuUsage();
  const use = { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
  send({ kind: "use", use });
}

function servingOf({ pools }: App): readonly ServingPool[] {
  return pools().flatMap(({ serving }) => serving);
}

/** Nothing is sent to a primary that is gone. */
function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}
