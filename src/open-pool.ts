import { setTimeout as sleep } from "node:timers/promises";
import type {
  Config,
  ExpertGroup,
  PoolConfig,
  ServerPoolConfig,
  SimulatedPoolConfig,
} from "./config/config.ts";
import { ControlLoop } from "./control/control-loop.ts";
import type { ControlledPool } from "./control/controlled-pool.ts";
import type { ExpertPlane } from "./control/expert-plane.ts";
import { PlannerThread } from "./control/planner-thread.ts";
import { ReportedPlane } from "./control/reported-plane.ts";
import type { Store } from "./control/store.ts";
import { LoadInbox } from "./control/telemetry/load-inbox.ts";
import { RecorderPull } from "./control/telemetry/recorder-pull.ts";
import { RoutedReports } from "./control/telemetry/routed-reports.ts";
import { BALANCE_POLICIES } from "./core/planning/balance-policy.ts";
import { SglangRecorder } from "./engines/sglang/recorder.ts";
import { type SimulatedPoolParts, simulatedPool } from "./engines/simulated/simulated-pool.ts";
import type { Clock } from "./lib/clock.ts";
import { Rng } from "./lib/rng.ts";
import type { RoutingTrace } from "./model/routing-trace.ts";
import { type MoeModel, moeLayers } from "./model/moe-model.ts";
import type { RoutingPolicy } from "./model/routing-policy.ts";
import { openEngine, openPair } from "./open-engine.ts";
import { gpuCount } from "./model/topology.ts";
import { createPolicy } from "./routing/policies.ts";
import { Router } from "./routing/router.ts";
import { expertAffinity } from "./routing/scorers/expert-affinity.ts";
import { ShardStates } from "./routing/shard-states.ts";
import type { Engine } from "./serving/engine.ts";
import { ExpertAffinity } from "./serving/expert-affinity.ts";
import { type HealthListener, PoolHealth } from "./serving/health/pool-health.ts";
import { RoutedLoad } from "./serving/routed-load.ts";
import { SketchSharer } from "./serving/sharing/sketch-sharer.ts";
import { ServingPool } from "./serving/serving-pool.ts";
import type { TrafficObserver } from "./serving/traffic-meter.ts";

/** What pools are made with beside the configuration. */
export interface PoolSurroundings {
  /** Where simulated tokens get their experts from; null for the gate on a synthetic source. */
  readonly routing: RoutingTrace | null;
  /** Tokens each simulated pool records for a comparison. */
  readonly recordTokens: number;
  /** Hears of what went wrong in a control loop; the loop goes on. */
  readonly onFault: (fault: Error) => void;
  /** Hears one line for a person when a shard's state changes. */
  readonly onNotice: (line: string) => void;
  /** The processes that serve for this one, with their requests in flight. */
  readonly workers?: () => readonly { readonly pid: number; readonly inFlight: number }[];
  /** Hears what the pools' health goes by as well. */
  readonly healthListener?: HealthListener;
  /** Where another process watches the servers, plans, reports and answers operators; absent where this one does. */
  readonly follows?: {
    readonly operatorSocket: string;
    readonly traffic: TrafficObserver;
  };
}

const POLICY = BALANCE_POLICIES.plimsoll;
const LOOK_MS = 50;
/** A turn of `ExpertAffinity` takes 1.4 ms or less for DeepSeek-V3 on 32 GPUs: 7 % of the thread's time. */
const BETWEEN_TURNS_MS = 20;

/** Opens pools as configurations name them. */
export class PoolOpener {
  readonly #store: Store;
  readonly #gateway: string;
  readonly #surroundings: PoolSurroundings;
  readonly #clock: Clock;
  readonly #wallClock: () => number;

  /** @param gateway this one's name among those that share the store */
  constructor(
    store: Store,
    gateway: string,
    surroundings: PoolSurroundings,
    clock: Clock,
    wallClock: () => number,
  ) {
    this.#store = store;
    this.#gateway = gateway;
    this.#surroundings = surroundings;
    this.#clock = clock;
    this.#wallClock = wallClock;
  }

  open(pool: PoolConfig, config: Config): OpenPool {
    const named = settingsOf(pool, config);
    if (pool.kind === "simulated") {
      const simulated = this.#simulated(pool);
      const serving = this.#serving(simulated.engine, pool, pool.policy, config);
      const loop = this.#control(serving, simulated.plane, pool.experts, config);
      return new OpenPool(named, [serving], { loop, inbox: null, routed: null, pull: null }, simulated);
    }
    if (pool.kind === "disaggregated") {
      const engines = openPair(pool, config.upstream);
      const prefill = this.#serving(engines.prefill, pool, pool.prefillPolicy, config);
      const decode = this.#serving(engines.decode, pool, pool.decodePolicy, config);
      decode.prefill = prefill;
      return new OpenPool(named, [decode, prefill], null, null);
    }
    const serving = this.#serving(openEngine(pool, config.upstream), pool, pool.policy, config);
    const { experts, routedExperts } = pool;
    if (experts === null) return new OpenPool(named, [serving], null, null);
    const { model, topology } = experts;
    if (routedExperts > 0) serving.routedLoad = new RoutedLoad(moeLayers(model), model.experts);
    if (this.#surroundings.follows !== undefined) {
      // Snapshots come from the process it follows, and nothing but answers tells what requests use.
      if (routedExperts > 0)
        serving.experts = this.#expertAffinity(serving, experts, config.routing.expertSketchBytes);
      return new OpenPool(named, [serving], null, null);
    }
    const loop = this.#control(serving, new ReportedPlane(pool.name, model, topology), experts, config);
    return new OpenPool(named, [serving], this.#reported(loop, serving, model, pool), null);
  }

  /** A pool whose engines tell their loads over HTTP, or show them in answers to a part of the requests. */
  #reported(
    loop: ControlLoop,
    serving: ServingPool,
    model: MoeModel,
    { routedExperts: part, recorder: recorded, servers: { urls }, apiKey }: ServerPoolConfig,
  ): ControlledPool {
    const teller = { store: loop.store, gateway: this.#gateway };
    const inbox = new LoadInbox({ ...teller, shape: loop.shape, topk: model.topk });
    const counts = serving.routedLoad;
    const routed = counts === null ? null : new RoutedReports({ ...teller, counts, part });
    if (recorded === null) return { loop, inbox, routed, pull: null };
    const { directory, intervalMs } = recorded;
    const recorder = new SglangRecorder({ urls, apiKey, directory, model });
    const leading = () => loop.leading;
    const { onFault } = this.#surroundings;
    const pull = new RecorderPull({ recorder, inbox, leading, intervalMs, clock: this.#clock, onFault });
    return { loop, inbox, routed, pull };
  }

  #simulated({ name, experts, seed }: SimulatedPoolConfig): SimulatedPoolParts {
    const { routing, recordTokens } = this.#surroundings;
    return simulatedPool({
      pool: name,
      ...experts,
      seed,
      dispatch: POLICY.dispatch,
      routing,
      recordTokens,
      wallClock: this.#wallClock,
    });
  }

  #serving(
    engine: Engine,
    { models, maxRequestsPerShard }: PoolConfig,
    policy: RoutingPolicy,
    { health, routing }: Config,
  ): ServingPool {
    const rng = new Rng(this.#wallClock());
    const states = new ShardStates(engine.shards.length);
    states.maxRequests.fill(maxRequestsPerShard);
    const shardIds = engine.shards.map(({ id }) => id);
    const { prefixIndexBytes } = routing;
    const router = new Router(createPolicy(policy, { shardIds, prefixIndexBytes }), states, rng);
    const watch = new PoolHealth({
      engine,
      states,
      settings: health,
      clock: this.#clock,
      rng,
      probes: this.#surroundings.follows === undefined,
      listener: this.#surroundings.healthListener ?? null,
      onNotice: this.#surroundings.onNotice,
      onRestarted: (shard) => router.forget(shard),
    });
    return new ServingPool(engine, models, states, router, watch);
  }

  #control(
    serving: ServingPool,
    plane: ExpertPlane,
    { model, topology }: ExpertGroup,
    { control, routing, store }: Config,
  ): ControlLoop {
    serving.experts = this.#expertAffinity(serving, { model, topology }, routing.expertSketchBytes);
    const { sharesMs, placementMs, prepareTimeoutMs, stagingBytes, rankSilenceMs } = control;
    const { onFault } = this.#surroundings;
    const clock = this.#clock;
    const cadence = { sharesMs, placementMs };
    const loop = new ControlLoop({
      gateway: this.#gateway,
      plane,
      store: this.#store,
      leaseMs: store.leaseMs,
      planner: new PlannerThread({ model, topology, policy: POLICY, cadence }, clock, onFault),
      model,
      topology,
      roundMs: sharesMs,
      prepareTimeoutMs,
      stagingBytes,
      rankSilenceMs,
      clock,
      wallClock: this.#wallClock,
      onFault,
    });
    loop.view.onSnapshot((snapshot) => serving.adopt(snapshot));
    return loop;
  }

  /** Null where the policy does not go by experts, or the shards do not show which GPUs they are. */
  #expertAffinity(
    { engine, router }: ServingPool,
    { model, topology }: ExpertGroup,
    sketchBytes: number,
  ): ExpertAffinity | null {
    const shards = engine.shards.length;
    if (!router.scores(expertAffinity)) return null;
    const gpus = gpuCount(topology);
    if (gpus % shards !== 0) {
      this.#surroundings.onNotice(
        `${engine.pool}: ${gpus} GPUs cannot be dealt out to ${shards} shards; requests are routed without regard to experts`,
      );
      return null;
    }
    const later = (turn: () => void) => void setTimeout(turn, BETWEEN_TURNS_MS).unref();
    return new ExpertAffinity({ model, topology, shards, sketchBytes, clock: this.#clock, later });
  }
}

/** One pool, opened. */
export class OpenPool {
  /** The one that answers clients comes first; beside it the one that prefills for it. */
  readonly serving: readonly ServingPool[];
  /** Null where nothing tells the load of its experts. */
  readonly controlled: ControlledPool | null;
  /** Null for real servers. */
  readonly simulated: SimulatedPoolParts | null;
  readonly #settings: string;
  readonly #sketches: SketchSharer | null;

  constructor(
    settings: string,
    serving: readonly ServingPool[],
    controlled: ControlledPool | null,
    simulated: SimulatedPoolParts | null,
  ) {
    this.#settings = settings;
    this.serving = serving;
    this.controlled = controlled;
    this.simulated = simulated;
    const { experts } = serving[0];
    this.#sketches =
      controlled === null || experts === null ? null : new SketchSharer(controlled.loop.store, experts);
  }

  /** The part of it that answers clients. */
  get front(): ServingPool {
    return this.serving[0];
  }

  /** Whether a configuration asks for just this pool. */
  like(pool: PoolConfig, config: Config): boolean {
    return settingsOf(pool, config) === this.#settings;
  }

  async start(): Promise<void> {
    await this.controlled?.loop.start();
    this.controlled?.inbox?.start();
    this.controlled?.routed?.start();
    this.controlled?.pull?.start();
    this.#sketches?.start();
    await Promise.all(this.serving.map(({ health }) => health.start()));
  }

  /** Resolves once every part of it has a server that is ready, or after that time. */
  async ready(withinMs: number): Promise<void> {
    const enough = AbortSignal.timeout(withinMs);
    const served = () => this.serving.every(({ states }) => states.ready.includes(1));
    while (!served() && !enough.aborted) await sleep(LOOK_MS);
  }

  /** Resolves once no request needs it. */
  async idle(): Promise<void> {
    while (this.front.flights > 0) await sleep(LOOK_MS);
  }

  async close(): Promise<void> {
    await Promise.all(this.serving.map(({ health }) => health.stop()));
    await this.#sketches?.stop();
    await this.controlled?.pull?.stop();
    await this.controlled?.inbox?.stop();
    await this.controlled?.routed?.stop();
    await this.controlled?.loop.stop();
    await Promise.all(this.serving.map(({ engine }) => engine.close()));
  }
}

/** Everything a pool is made from, as one text. */
function settingsOf(pool: PoolConfig, { health, routing, upstream, control }: Config): string {
  return JSON.stringify({ pool, health, routing, upstream, control });
}
