import type { Config, PoolConfig } from "./config/config.ts";
import { ControlLoop } from "./control/control-loop.ts";
import type { ControlledPool } from "./control/controlled-pool.ts";
import type { ExpertPlane } from "./control/expert-plane.ts";
import { PlannerThread } from "./control/planner-thread.ts";
import { ReportedPlane } from "./control/reported-plane.ts";
import type { SnapshotStore } from "./control/snapshot-store.ts";
import { BALANCE_POLICIES } from "./core/planning/balance-policy.ts";
import { OpenAiEngine } from "./engines/openai/openai-engine.ts";
import { type SimulatedPoolParts, simulatedPool } from "./engines/simulated/simulated-pool.ts";
import { httpApp } from "./http/app.ts";
import { listen, stopListening } from "./http/listening.ts";
import { Rng } from "./lib/rng.ts";
import type { RoutingTrace } from "./model/routing-trace.ts";
import { Admission } from "./serving/admission.ts";
import type { Engine } from "./serving/engine.ts";
import { Gateway } from "./serving/gateway.ts";
import { ServingPool } from "./serving/serving-pool.ts";
import { TrafficMeter } from "./serving/traffic-meter.ts";
import { MemoryStore } from "./store/memory/memory-store.ts";
import { Metrics, type ShardReading } from "./telemetry/metrics.ts";

/** What a gateway is made with beside its configuration. */
export interface Surroundings {
  /** Where simulated tokens get their experts from; null for the gate on a synthetic source. */
  readonly routing: RoutingTrace | null;
  /** Tokens each simulated pool records for a comparison. */
  readonly recordTokens: number;
  /** Hears of what went wrong in a control loop; the loop goes on. */
  readonly onFault: (fault: Error) => void;
}

/** One pool, opened. */
export interface OpenPool {
  readonly serving: ServingPool;
  /** Null where nothing tells the load of its experts. */
  readonly controlled: ControlledPool | null;
  /** Null for real servers. */
  readonly simulated: SimulatedPoolParts | null;
}

/** A whole gateway, every part made and joined. */
export interface App {
  readonly gateway: Gateway;
  readonly pools: readonly OpenPool[];
  /** Starts the control loops and listens. @throws InputError when the address cannot be had */
  start(): Promise<{ readonly url: string }>;
  /** Accepts nothing new, lets what is in flight finish for the grace time, then closes everything. */
  stop(): Promise<void>;
}

const POLICY = BALANCE_POLICIES.plimsoll;
const clock = { now: () => performance.now() };
const wallClock = () => Date.now();

/** Makes every part that the configuration names and joins them; nothing listens yet. */
export async function compose(config: Config, surroundings: Surroundings): Promise<App> {
  const store = new MemoryStore();
  const pools = config.pools.map((pool) => openPool(pool, config, store, surroundings));
  const serving = pools.map((pool) => pool.serving);
  const controlled = pools.flatMap((pool) => pool.controlled ?? []);
  const metrics = new Metrics({
    shards: () => serving.flatMap(shardReadings),
    pools: () => controlled.flatMap(({ loop }) => loop.report() ?? []),
  });
  const admission = new Admission(config.admission.maxInFlight, config.admission.retryAfterSeconds);
  const gateway = new Gateway(serving, admission, new TrafficMeter(clock, metrics), new Rng(wallClock()));
  const metricsText = () => metrics.text();
  const http = await httpApp(config.http, { gateway, controlled, store, metricsText, wallClock });

  const stop = async () => {
    admission.stop();
    await stopListening(http, config.http.graceMs);
    await Promise.all(controlled.map(({ loop }) => loop.stop()));
    await Promise.all(serving.map(({ engine }) => engine.close()));
    await metrics.close();
  };
  const start = async () => {
    try {
      await Promise.all(controlled.map(({ loop }) => loop.start()));
      return { url: await listen(http, config.http) };
    } catch (error) {
      await stop();
      throw error;
    }
  };
  return { gateway, pools, start, stop };
}

function openPool(
  pool: PoolConfig,
  config: Config,
  store: SnapshotStore,
  surroundings: Surroundings,
): OpenPool {
  const parts = openEngine(pool, config, surroundings);
  const { engine, plane, reported, simulated } = parts;
  const serving = new ServingPool(engine, pool.models);
  // Written and read on one thread: the next request is routed by the new snapshot, whole.
  store.follow(pool.name, (snapshot) => {
    serving.snapshot = snapshot;
  });
  if (plane === null || pool.experts === null) return { serving, controlled: null, simulated };
  const { prepareTimeoutMs, ...cadence } = config.control;
  const { model, topology } = pool.experts;
  const { onFault } = surroundings;
  const loop = new ControlLoop({
    plane,
    store,
    planner: new PlannerThread({ model, topology, policy: POLICY, cadence }, clock, onFault),
    model: model.name,
    roundMs: cadence.sharesMs,
    prepareTimeoutMs,
    clock,
    wallClock,
    onFault,
  });
  return { serving, controlled: { loop, reported }, simulated };
}

interface EngineParts {
  readonly engine: Engine;
  readonly plane: ExpertPlane | null;
  /** The plane once more, by its own kind. */
  readonly reported: ReportedPlane | null;
  readonly simulated: SimulatedPoolParts | null;
}

function openEngine(pool: PoolConfig, config: Config, { routing, recordTokens }: Surroundings): EngineParts {
  if (pool.kind === "simulated") {
    const { model, topology } = pool.experts;
    const { name, seed } = pool;
    const { dispatch } = POLICY;
    const simulated = simulatedPool({
      pool: name,
      model,
      topology,
      seed,
      dispatch,
      routing,
      recordTokens,
      wallClock,
    });
    return { engine: simulated.engine, plane: simulated.plane, reported: null, simulated };
  }
  const { name, urls, experts } = pool;
  const reported = experts === null ? null : new ReportedPlane(name, experts.model, experts.topology);
  return {
    engine: new OpenAiEngine(name, urls, config.upstream),
    plane: reported,
    reported,
    simulated: null,
  };
}

function shardReadings({ engine, loads }: ServingPool): ShardReading[] {
  return engine.shards.map(({ pool, id }, i) => ({
    pool,
    shard: id,
    requests: loads.requests[i],
    tokens: loads.tokens[i],
  }));
}
