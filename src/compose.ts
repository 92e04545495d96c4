import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Config } from "./config/config.ts";
import { shippedModels } from "./config/shapes.ts";
import type { ControlledPool } from "./control/controlled-pool.ts";
import type { Store } from "./control/store.ts";
import { Solver } from "./control/solve/solver.ts";
import { httpApp } from "./http/app.ts";
import { EARLY_REASONS, REQUEST_REASONS } from "./http/errors.ts";
import { listen, listenLocally, stopListening } from "./http/listening.ts";
import { Rng } from "./lib/rng.ts";
import { LocalStore } from "./store/local/local-store.ts";
import { openStore } from "./open-store.ts";
import type { OpenPool } from "./pools/open-pool.ts";
import { openPool } from "./pools/pool-opener.ts";
import type { PoolSurroundings } from "./pools/surroundings.ts";
import { Admission } from "./serving/admission/admission.ts";
import { Gateway } from "./serving/gateway.ts";
import { ModelRefresh } from "./serving/models/model-refresh.ts";
import { RetryBudget } from "./serving/flight/retry-budget.ts";
import type { ServingPool } from "./serving/serving-pool.ts";
import { GatewayBoard } from "./serving/sharing/gateway-board.ts";
import { GatewaySharer } from "./serving/sharing/gateway-sharer.ts";
import { TrafficMeter } from "./serving/traffic/traffic-meter.ts";
import { type ControlReading, Metrics, type ShardReading } from "./telemetry/metrics.ts";

/** A whole gateway, every part made and joined. */
export interface App {
  /** The one that takes requests now; a reload puts another in its place. */
  gateway(): Gateway;
  readonly pools: readonly OpenPool[];
  /** Where the gateways of a cluster share what they have in flight; null for one by itself. */
  readonly board: GatewayBoard | null;
  /** Starts the control loops and listens. @throws InputError when the address cannot be had */
  start(): Promise<{ readonly url: string }>;
  /** The same, but listens on a socket in the file system. */
  startLocally(path: string): Promise<void>;
  /**
   * Switches to another configuration. No request is dropped: pools that have changed or gone are closed when what they
   * have in flight is done, the others stay as they are. What belongs to the process (`http`, `tenancy`, `control`)
   * waits for the next start.
   */
  reload(config: Config): Promise<void>;
  /** Asks the servers of all pools what they list, if that was not done just now; resolves within a second. */
  refreshModels(): Promise<void>;
  /** Accepts nothing new, lets what is in flight finish for the grace time, then closes everything. */
  stop(): Promise<void>;
}

/** A reload waits so long for a server of each new pool to answer; then it activates them all the same. */
const READY_WITHIN_MS = 5000;

const clock = { now: () => performance.now() };
const wallClock = () => Date.now();

/** Makes every part that the configuration names and joins them; nothing listens yet. */
export async function compose(config: Config, surroundings: PoolSurroundings): Promise<App> {
  const { follows } = surroundings;
  // A process that follows another receives epochs from that one.
  const store =
    follows === undefined ? await openStore(config.store, surroundings.onNotice) : new LocalStore();
  sayFaults(store, surroundings.onNotice);
  const gatewayName = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
  const clustered = follows === undefined && config.store.address.kind === "redis";
  const board = clustered ? new GatewayBoard(store, gatewayName, clock, surroundings.onFault) : null;
  const solver = new Solver(await shippedModels());
  const makings = { store, gateway: gatewayName, surroundings, clock, wallClock };
  const pools: OpenPool[] = config.pools.map((pool) => openPool(pool, config, makings));
  // The HTTP side and the metrics follow this list as it changes.
  const controlled: ControlledPool[] = pools.flatMap((pool) => pool.controlled ?? []);
  const metrics = new Metrics({
    shards: () => pools.flatMap(({ serving }) => serving.flatMap(shardReadings)),
    routedExperts: () =>
      pools.flatMap(({ front: { engine } }) =>
        engine.routedExperts === undefined ? [] : [{ pool: engine.pool, counts: engine.routedExperts }],
      ),
    pools: () => controlled.flatMap(({ loop }) => loop.view.report ?? []),
    admission: () => admission,
    control: () => controlled.map(controlReading),
    storeReachable: () => store.fault === null,
    unsharedReports: () => board?.unshared ?? 0,
    unreadable: () => [
      ...controlled.map(({ loop: { pool, view } }) => ({ pool, dropped: view.reading.dropped })),
      ...(board === null ? [] : [{ pool: "", dropped: board.reading.dropped }]),
    ],
  });
  const admission = new Admission(config.admission, clock);
  const meter = new TrafficMeter(clock, follows?.traffic ?? metrics);
  const askModels = async () => {
    await Promise.all(pools.flatMap(({ serving }) => serving.map(({ health }) => health.askModels())));
  };
  const refresh = new ModelRefresh(follows?.refreshModels ?? askModels, clock);
  const refreshModels = async () => {
    await refresh.join();
  };
  const gatewayFor = ({ retry, hedge, admission: { retryAfterSeconds } }: Config) =>
    new Gateway(
      pools.map((pool) => pool.front),
      {
        admission,
        meter,
        retry,
        retryBudget: new RetryBudget(retry, clock.now()),
        hedge,
        retryAfterSeconds,
        clock,
        rng: new Rng(wallClock()),
        onFault: surroundings.onFault,
      },
      refresh,
      surroundings.onNotice,
    );
  metrics.beginRefusals("", EARLY_REASONS);
  for (const { front } of pools) metrics.begin(front.engine.pool, REQUEST_REASONS);
  let gateway = gatewayFor(config);
  const metricsText = () => metrics.text();
  const operatorSocket = follows?.operatorSocket ?? null;
  const workers = surroundings.workers ?? (() => []);
  const parts = {
    gateway: () => gateway,
    controlled,
    store,
    gatewayName,
    solver,
    metricsText,
    wallClock,
    workers,
    operatorSocket,
  };
  const http = await httpApp(config, parts);

  const retired = new Set<Promise<void>>();
  const switchTo = async (next: Config) => {
    const kept = next.pools.map(
      (wanted) => pools.find((pool) => pool.like(wanted, next)) ?? openPool(wanted, next, makings),
    );
    const fresh = kept.filter((pool) => !pools.includes(pool));
    const gone = pools.filter((pool) => !kept.includes(pool));
    await Promise.all(fresh.map((pool) => pool.start()));
    await Promise.all(fresh.map((pool) => pool.ready(READY_WITHIN_MS)));
    pools.splice(0, pools.length, ...kept);
    controlled.splice(0, controlled.length, ...pools.flatMap((pool) => pool.controlled ?? []));
    for (const { front } of fresh) metrics.begin(front.engine.pool, REQUEST_REASONS);
    admission.update(next.admission);
    gateway = gatewayFor(next);
    for (const pool of gone) {
      const closed = pool.idle().then(() => pool.close());
      retired.add(closed);
      void closed.finally(() => retired.delete(closed));
    }
  };
  // One at a time, in their order: the last configuration given is the one that stays.
  let reloading = Promise.resolve();
  const reload = (wanted: Config) => {
    reloading = reloading.catch(() => {}).then(() => switchTo(wanted));
    return reloading;
  };
  // The primary, which has the workers' figures, shares them itself.
  const sharer =
    board === null || surroundings.workers !== undefined
      ? null
      : new GatewaySharer(board, admission, () => pools.flatMap(({ serving }) => serving));
  const stop = async () => {
    admission.stop();
    sharer?.stop();
    await stopListening(http, config.http.graceMs);
    await reloading.catch(() => {});
    await Promise.all([...pools.map((pool) => pool.close()), ...retired]);
    await store.close();
    await solver.close();
    await metrics.close();
  };
  const startWith = async (bind: () => Promise<string>) => {
    try {
      await Promise.all(pools.map((pool) => pool.start()));
      sharer?.start();
      return { url: await bind() };
    } catch (error) {
      await stop();
      throw error;
    }
  };
  const start = () => startWith(() => listen(http, config.http));
  const startLocally = async (path: string) => {
    await startWith(() => listenLocally(http, path));
  };
  return { gateway: () => gateway, pools, board, start, startLocally, reload, refreshModels, stop };
}

/** One line when something is wrong with the store, when something else is, and when nothing is any more. */
function sayFaults(store: Store, onNotice: (line: string) => void): void {
  const say = (fault: string | null) => onNotice(`store ${store.name}: ${fault ?? "works again"}`);
  if (store.fault !== null) say(store.fault);
  store.onFault(say);
}

function controlReading({ loop, inbox }: ControlledPool): ControlReading {
  const { pool, leading, totals, view } = loop;
  const { snapshot } = view;
  return {
    pool,
    leading,
    ...totals,
    missingExperts: (snapshot?.missing ?? []).reduce((sum, { experts }) => sum + experts.length, 0),
    ranks: new Map(
      [...Map.groupBy(loop.rankStates, (operatorState) => operatorState)].map(([operatorState, ranks]) => [
        operatorState,
        ranks.length,
      ]),
    ),
    reports: inbox?.counts ?? null,
  };
}

function shardReadings({ engine, states }: ServingPool): ShardReading[] {
  return engine.shards.map(({ pool, id }, i) => ({
    pool,
    shard: id,
    requests: states.requests[i],
    tokens: states.tokens[i],
    ready: states.ready[i] === 1,
    admitting: states.admitting[i] === 1,
  }));
}
