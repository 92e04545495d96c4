import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { ownVersion } from "./files/own-version.ts";
import { Access } from "./access/access.ts";
import { Recording } from "./capture/recording.ts";
import type { Config } from "./config/config.ts";
import { staysHere } from "./config/loopback.ts";
import { checkReload } from "./config/read-listeners.ts";
import { shippedModels } from "./config/shapes.ts";
import type { Store } from "./control/store.ts";
import { Solver } from "./control/solve/solver.ts";
import { planSolver } from "./plans/plan-solver.ts";
import { RunningWhatIfs } from "./plans/what-if/running-what-ifs.ts";
import { poolStates } from "./http/admin-state.ts";
import { httpApp } from "./http/app.ts";
import { BodyMemory } from "./http/body-memory.ts";
import { EARLY_REASONS, REQUEST_REASONS, statusOf } from "./http/errors.ts";
import { listen, listenLocally, stopListening } from "./http/listening.ts";
import { ReadingTurns } from "./http/reading-turns.ts";
import { ShardNames } from "./http/shard-names.ts";
import { OriginReader } from "./http/request-origin.ts";
import { Rng } from "./lib/rng.ts";
import { LocalStore } from "./store/local/local-store.ts";
import { openStore } from "./open-store.ts";
import type { PickerParts } from "./picker/picked-request.ts";
import type { PickerListener } from "./picker/picker-listener.ts";
import { LiveGateways } from "./pools/live-gateways.ts";
import type { OpenPool } from "./pools/open-pool.ts";
import { poolReadings } from "./pools/pool-readings.ts";
import { PoolSet } from "./pools/pool-set.ts";
import { SharedLocalities } from "./pools/shared-localities.ts";
import { TrafficReports } from "./pools/traffic-reports.ts";
import type { PoolSurroundings } from "./pools/surroundings.ts";
import { Admission } from "./serving/admission/admission.ts";
import { type CaptureCounts, sumCaptured } from "./serving/capture/capture-counts.ts";
import type { Gateway } from "./serving/gateway.ts";
import { Localities } from "./serving/locality/localities.ts";
import { localityReading } from "./serving/locality/locality-reading.ts";
import { localityReport } from "./serving/locality/locality-report.ts";
import { ModelRefresh } from "./serving/models/model-refresh.ts";
import { GatewayBoard } from "./serving/sharing/gateway-board.ts";
import { GatewaySharer } from "./serving/sharing/gateway-sharer.ts";
import { TrafficMeter } from "./serving/traffic/traffic-meter.ts";
import { collecting } from "./telemetry/collecting.ts";
import { Metrics } from "./telemetry/metrics.ts";
import type { Readings } from "./telemetry/readings.ts";

/** Where a gateway listens. */
export interface Listening {
  readonly url: string;
  /** Where operators and engines are answered; null where that is the same. */
  readonly admin: string | null;
  /** Host and port of the endpoint picker; null for none. */
  readonly picker: string | null;
}

/** A whole gateway, every part made and joined. */
export interface App {
  /** The one that takes requests now; a reload puts another in its place. */
  gateway(): Gateway;
  /** Those there are now, as `gateway`. */
  pools(): readonly OpenPool[];
  /** What this process has recorded of its traffic. */
  captured(): CaptureCounts;
  /** Models whose requests go by their experts. */
  readonly localities: Localities;
  /** Where the gateways of a cluster share what they have in flight; null for one by itself. */
  readonly board: GatewayBoard | null;
  /** Starts the control loops and listens. @throws InputError when the address cannot be had */
  start(): Promise<Listening>;
  /** The same, but listens for clients on a socket in the file system. @returns where operators are answered, as in Listening */
  startLocally(path: string): Promise<Listening["admin"]>;
  /**
   * Switches to another configuration, as PoolSet.reload: no request is dropped. What belongs to the process (`http` and
   * `picker` but for certificates and pools, `tenancy`, `store`, `telemetry`, `workers`) waits for the next start.
   */
  reload(config: Config): Promise<void>;
  /** Asks the servers of all pools what they list, if that was not done just now; resolves within a second. */
  refreshModels(): Promise<void>;
  /** Accepts nothing new, lets what is in flight finish for the grace time, then closes everything. */
  stop(): Promise<void>;
}

const clock = { now: () => performance.now() };
const wallClock = () => Date.now();
const SALT_BYTES = 16;
/** How long the last spans may take to reach their collector: what is left of the grace time, within these. */
const LEAST_FLUSH_MS = 500;
const MOST_FLUSH_MS = 5000;
/** A turn of `ModelLocality` takes a millisecond at most: 10 % of the thread's time while there is something to learn. */
const LOCALITY_TURNS_MS = 10;
const NO_WORKERS = { count: 0, cpuSeconds: 0, residentBytes: 0 };

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
  const solver = new Solver(shippedModels);
  const planner = planSolver();
  const { leaseMs } = config.store;
  const recording = new Recording({
    clock,
    wallClock,
    rng: new Rng(wallClock()),
    gateway: gatewayName,
    salt: follows?.captureSalt ?? randomBytes(SALT_BYTES),
    onNotice: follows?.onOwnNotice ?? surroundings.onNotice,
  });
  const captured = () =>
    sumCaptured([
      recording.counts,
      ...(surroundings.captured === undefined ? [] : [surroundings.captured()]),
    ]);
  const pools = new PoolSet(config, { store, gateway: gatewayName, leaseMs, surroundings, clock, wallClock });
  const serving = () => pools.all.flatMap((pool) => pool.serving);
  const {
    admission: { queue },
    upstream,
  } = config;
  const limits = {
    queueMs: queue.maxWaitMs,
    firstTokenMs: upstream.firstTokenTimeoutMs,
    idleMs: upstream.idleTimeoutMs,
  };
  const localities = new Localities({
    clock,
    wallClock,
    sketchBytes: config.routing.expertSketchBytes,
    follows: follows !== undefined,
    later: (turn) => void setTimeout(turn, LOCALITY_TURNS_MS).unref(),
  });
  const readings: Readings = {
    build: { version: ownVersion(), node: process.version },
    nowMs: wallClock,
    workers: surroundings.workersUse ?? (() => NO_WORKERS),
    ...poolReadings(pools),
    localities: () => [...localities.all].map(localityReading),
    sources: surroundings.sources ?? (() => []),
    admission: () => admission,
    capture: () => ({ on: recording.on, ...captured() }),
    storeReachable: () => store.fault === null,
    unsharedReports: () => board?.unshared ?? 0,
    unreadable: () => [
      ...pools.controlled.map(({ loop: { pool, view } }) => ({ pool, dropped: view.reading.dropped })),
      ...(board === null ? [] : [{ pool: "", dropped: board.reading.dropped }]),
      ...(groups === null ? [] : [{ pool: "", dropped: groups.reading.dropped }]),
    ],
  };
  const metrics = new Metrics(readings, { limits, statusOf });
  const admission = new Admission(config.admission, clock);
  const meter = new TrafficMeter(clock, follows?.traffic ?? metrics);
  // A process that follows another is measured there.
  const reports = follows === undefined ? new TrafficReports(pools.controlled, meter.slots, wallClock) : null;
  const askModels = async () => {
    await Promise.all(serving().map(({ health }) => health.askModels()));
  };
  const refresh = new ModelRefresh(follows?.refreshModels ?? askModels, clock);
  const refreshModels = async () => {
    await refresh.join();
  };
  // Where others serve, nothing passes here that a collector could be sent.
  const collected =
    surroundings.workers === undefined
      ? await collecting(config, {
          service: { version: ownVersion(), instance: gatewayName },
          onFault: surroundings.onFault,
          onNotice: follows?.onOwnNotice ?? surroundings.onNotice,
        })
      : null;
  metrics.beginEarly(EARLY_REASONS);
  const gateways = new LiveGateways(config, {
    pools: () => pools.all,
    deck: {
      admission,
      meter,
      capture: recording.capture,
      ends: collected?.ends ?? null,
      clock,
      onShadowPair: (pair) => http.app.log.debug(pair, "shadow"),
      onFault: surroundings.onFault,
    },
    localities,
    refresh,
    counting: {
      beginPool: ({ engine, models }) => metrics.begin(engine.pool, models, REQUEST_REASONS),
      beginChoices: (model, names) => metrics.beginChoices(model, names),
      beginShadow: (model, pool) => metrics.beginShadow(model, pool),
      beginPicks: (pool) => metrics.beginPicks(pool),
    },
    wallClock,
    onNotice: surroundings.onNotice,
  });
  const gateway = () => gateways.clients;
  recording.update(config.capture);
  const metricsText = async (whose: "gateway" | "experts", open: boolean) => {
    const text = await (whose === "experts" ? metrics.expertsText() : metrics.text());
    return open ? metrics.asOpenMetrics(text) : text;
  };
  const operatorSocket = follows?.operatorSocket ?? null;
  const workers = surroundings.workers ?? (() => []);
  const whatIfs = new RunningWhatIfs({
    pools: () => poolStates(parts),
    plane: (name) => {
      const loop = pools.controlled.find((one) => one.loop.pool === name)?.loop;
      if (loop === undefined) return null;
      const { snapshot, report } = loop.view;
      return { model: loop.model, snapshot, report };
    },
    countersOf: (pool) => metrics.countersOf(pool, clock.now()),
    wallClock,
  });
  // One body of the largest size always fits.
  const memoryBytes = Math.max(config.http.bodyMemoryBytes, config.http.bodyLimitBytes);
  const memory = new BodyMemory(memoryBytes, "http.bodyMemoryBytes");
  const turns = new ReadingTurns();
  const access = new Access(config, { now: wallClock });
  const origins = new OriginReader(config.tenancy, access, config.admission);
  const { host: httpHost, showServers } = config.http;
  const local = staysHere(httpHost);
  const shards = new ShardNames(gateway, () => showServers ?? (local && !access.asksClients));
  const parts = {
    gateway,
    controlled: pools.controlled,
    onPoolsChange: (listener: () => void) => pools.onChange(listener),
    store,
    gatewayName,
    solver,
    planner,
    whatIfs,
    localityOf: (model: string) => {
      const found = localities.find(model);
      return found === null ? null : localityReport(found, wallClock(), gatewayName);
    },
    metricsText,
    wallClock,
    workers,
    capture: () => ({ on: recording.on, fault: recording.fault, ...captured() }),
    operatorSocket,
    tracer: collected?.tracer ?? null,
    memory,
    turns,
    origins,
    shards,
    access,
    onSocket: surroundings.workers !== undefined,
  };
  const { port: adminPort, host: adminHost } = config.http.admin;
  const http = await httpApp(config, parts, adminPort === null ? "all" : "clients");
  // The process that is followed answers operators.
  const admin =
    adminPort === null || follows !== undefined ? null : await httpApp(config, parts, "operators");

  const picker = await openPicker(config, {
    gateway: () => gateways.picker,
    origins,
    shards,
    bodies: {
      limitBytes: config.http.bodyLimitBytes,
      memory,
      turns,
      timeoutMs: config.http.bodyTimeoutMs,
    },
  });
  const reload = async (next: Config) => {
    checkReload(config, next);
    await pools.reload(next, (fresh) => {
      admission.update(next.admission);
      access.update(next);
      origins.update(next.admission);
      if (next.listenerTls.http !== null) http.servers?.show(next.listenerTls.http);
      if (next.picker?.tls) picker?.show(next.picker.tls);
      if (next.listenerTls.admin !== null) admin?.servers?.show(next.listenerTls.admin);
      recording.update(next.capture);
      gateways.reload(next, fresh);
      collected?.reload(next);
    });
  };
  // The primary, which has the workers' figures, shares them itself.
  const sharer =
    board === null || surroundings.workers !== undefined
      ? null
      : new GatewaySharer(board, admission, serving, localities);
  // A process that follows another gets the groups from that one.
  const groups =
    follows === undefined
      ? new SharedLocalities({
          localities,
          store,
          gateway: gatewayName,
          leaseMs,
          clustered,
          clock,
          onFault: surroundings.onFault,
        })
      : null;
  const stop = async () => {
    admission.stop();
    pools.endReloads();
    sharer?.stop();
    reports?.stop();
    const stoppedBy = performance.now() + config.http.graceMs;
    const { graceMs } = config.http;
    await Promise.all([
      stopListening(http, graceMs),
      admin === null ? null : stopListening(admin, graceMs),
      picker?.stop(graceMs),
    ]);
    const flushed = collected?.close(
      Math.max(LEAST_FLUSH_MS, Math.min(MOST_FLUSH_MS, stoppedBy - performance.now())),
    );
    await Promise.all([pools.stop(), groups?.stop()]);
    await flushed;
    await recording.close();
    await store.close();
    await Promise.all([solver.close(), planner.close(), whatIfs.close()]);
  };
  const startWith = async <T>(bind: () => Promise<T>): Promise<T> => {
    try {
      // A process that follows another is never scraped.
      await Promise.all([pools.start(), follows === undefined ? metrics.open() : null]);
      sharer?.start();
      groups?.start();
      // The process that is followed answers operators.
      if (follows === undefined) whatIfs.start();
      reports?.start();
      return await bind();
    } catch (error) {
      await stop();
      throw error;
    }
  };
  const listenForOperators = async () =>
    admin === null || adminPort === null
      ? null
      : await listen(admin, { host: adminHost, port: adminPort }, "http.admin");
  const start = () =>
    startWith(async () => ({
      picker: (await picker?.start()) ?? null,
      admin: await listenForOperators(),
      url: await listen(http, config.http, "http"),
    }));
  const startLocally = (path: string) =>
    startWith(async () => {
      await listenLocally(http, path);
      return await listenForOperators();
    });
  return {
    gateway,
    pools: () => pools.all,
    captured: () => recording.counts,
    localities,
    board,
    start,
    startLocally,
    reload,
    refreshModels,
    stop,
  };
}

/** gRPC is loaded where it is needed. */
async function openPicker(
  { picker, http }: Config,
  parts: Omit<PickerParts, "endpoints">,
): Promise<PickerListener | null> {
  if (picker === null) return null;
  const { PickerListener } = await import("./picker/picker-listener.ts");
  const pools = () => parts.gateway().pools;
  const limits = { most: http.maxConnections, silentMs: http.headersTimeoutMs, idleMs: http.keepAliveMs };
  return new PickerListener(picker, { ...parts, endpoints: picker.endpoints }, pools, limits);
}

/** One line when something is wrong with the store, when something else is, and when nothing is any more. */
function sayFaults(store: Store, onNotice: (line: string) => void): void {
  const say = (fault: string | null) => onNotice(`store ${store.name}: ${fault ?? "works again"}`);
  if (store.fault !== null) say(store.fault);
  store.onFault(say);
}
