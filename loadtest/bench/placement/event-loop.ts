import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { EP32 } from "../../../harness/small-model.ts";
import { loadModel } from "../../../src/config/shapes.ts";
import { ControlLoop } from "../../../src/control/control-loop.ts";
import type { ExpertPlane } from "../../../src/control/expert-plane.ts";
import { LocalPlanner } from "../../../src/control/plan/local-planner.ts";
import { PlannerThread } from "../../../src/control/plan/planner-thread.ts";
import type { Planner, PlannerOptions } from "../../../src/control/plan/planner.ts";
import { BALANCE_POLICIES } from "../../../src/core/planning/balance-policy.ts";
import { UNKNOWN_MACHINE } from "../../../src/core/planning/machine.ts";
import type { PoolWindow } from "../../../src/model/pool-window.ts";
import type { RoutingSnapshot } from "../../../src/model/snapshot.ts";
import { LocalStore } from "../../../src/store/local/local-store.ts";
import { readStream } from "./event-readers.ts";
import { type PieceTimes, gatewayPieces } from "./gateway-pieces.ts";
import { driftingWindows } from "./v3-windows.ts";

const SEED = 7;
const WINDOWS = 32;
const PIECE_ROUNDS = 100;
/** A planning round this often; every one re-plans the placement. */
const ROUND_MS = 250;
const SPELLS = 2;
const SPELL_MS = 10_000;
/** Before a spell counts: threads start, code is compiled. */
const WARM_UP_MS = 2000;
const RESOLUTION_MS = 1;
/** Every placement in one stage of some layers. */
const STAGING_BYTES = 1e12;

export interface EventLoopReport {
  readonly pool: string;
  /** What a round does on the gateway's thread. */
  readonly pieces: Readonly<Record<string, PieceTimes>>;
  /**
   * Delay of the event loop without a control loop, and with one that plans in its thread or on the gateway's: one
   * entry a spell, in the order they were run in: idle, planner thread, gateway thread, idle, …
   */
  readonly delay: {
    readonly resolutionMs: number;
    readonly spellMs: number;
    readonly idle: readonly Delay[];
    readonly plannerThread: readonly Delay[];
    readonly gatewayThread: readonly Delay[];
  };
}

/** Of a timer that is due every `resolutionMs`: the time between two calls, which that is a part of. */
interface Delay {
  readonly rounds: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** How long a control loop that re-plans DeepSeek-V3's pool (EP32) every round keeps the gateway's event loop waiting. */
export async function eventLoopBench(): Promise<EventLoopReport> {
  const cadence = { sharesMs: ROUND_MS, placementMs: ROUND_MS };
  const topology = EP32;
  const model = await loadModel("deepseek-v3");
  const options: PlannerOptions = {
    model,
    topology,
    policy: BALANCE_POLICIES.plimsoll,
    cadence,
    machine: UNKNOWN_MACHINE,
  };
  const windows = driftingWindows(model, topology, WINDOWS, SEED);
  const pieces = await gatewayPieces(options, windows, PIECE_ROUNDS);

  const idle: Delay[] = [];
  const plannerThread: Delay[] = [];
  const gatewayThread: Delay[] = [];
  for (let spell = 0; spell < SPELLS; spell++) {
    idle.push(await delayOf(() => 0));
    plannerThread.push(await controlledDelay(options, windows, new PlannerThread(options, clock, fail)));
    gatewayThread.push(await controlledDelay(options, windows, new LocalPlanner(options, clock.now())));
  }
  return {
    pool: `${model.name}, ${topology.nodes} × ${topology.gpusPerNode} GPUs × ${topology.slotsPerGpu} slots`,
    pieces,
    delay: { resolutionMs: RESOLUTION_MS, spellMs: SPELL_MS, idle, plannerThread, gatewayThread },
  };
}

const clock = { now: () => performance.now() };

function fail(fault: Error): never {
  throw fault;
}

/** A spell with a control loop, its plane, its store and a reader of its reports. */
async function controlledDelay(
  { model, topology }: PlannerOptions,
  windows: readonly PoolWindow[],
  planner: Planner,
): Promise<Delay> {
  const events = await readStream();
  const loop = new ControlLoop({
    gateway: "bench",
    plane: new ReplayedPlane(windows),
    store: new LocalStore(),
    leaseMs: SPELL_MS,
    planner,
    model,
    topology,
    roundMs: ROUND_MS,
    prepareTimeoutMs: SPELL_MS,
    stagingBytes: STAGING_BYTES,
    rankSilenceMs: 0,
    clock,
    wallClock: () => performance.timeOrigin + performance.now(),
    onNotice: () => {},
    onFault: fail,
  });
  let rounds = 0;
  loop.view.onReport((report) => {
    rounds++;
    events.stream.send("report", report);
  });
  await loop.start();
  const delay = await delayOf(() => rounds);
  await loop.stop();
  await events.close();
  return delay;
}

/** Ranks that report windows in turn, and are ready for every placement at once. */
class ReplayedPlane implements ExpertPlane {
  readonly pool = "bench";
  readonly #windows: readonly PoolWindow[];
  #next = 0;

  constructor(windows: readonly PoolWindow[]) {
    this.#windows = windows;
  }

  async observe(): Promise<PoolWindow> {
    return this.#windows[this.#next++ % this.#windows.length];
  }

  async prepare(): Promise<void> {}

  /** Encodes the snapshot, as for a pool's thread; nobody decodes it. */
  commit(snapshot: RoutingSnapshot): void {
    const { port1 } = new MessageChannel();
    port1.postMessage(snapshot);
    port1.close();
  }
}

/** @param roundsSoFar how many rounds there have been */
async function delayOf(roundsSoFar: () => number): Promise<Delay> {
  await setTimeout(WARM_UP_MS);
  const before = roundsSoFar();
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  await setTimeout(SPELL_MS);
  histogram.disable();
  return {
    rounds: roundsSoFar() - before,
    meanMs: histogram.mean / 1e6,
    p99Ms: histogram.percentile(99) / 1e6,
    p999Ms: histogram.percentile(99.9) / 1e6,
    maxMs: histogram.max / 1e6,
  };
}
