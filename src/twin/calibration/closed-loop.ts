import { BALANCE_POLICIES } from "../../core/planning/balance-policy.ts";
import { Balancer } from "../../core/planning/balancer.ts";
import { Rng } from "../../lib/rng.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { servedIn } from "../../model/serving-precision.ts";
import type { Topology } from "../../model/topology.ts";
import type { RoutingSource } from "../routing-source.ts";
import { type PoolStep, SimulatedPool } from "../simulated-pool.ts";
import { type BenchmarkSettings, benchmarkSettings } from "./benchmark-settings.ts";
import type { Constants } from "./constants.ts";
import { gpuHardware } from "./gpu-hardware.ts";
import {
  type ServingPoint,
  type ServingTimes,
  type Workers,
  outTokensPerSecondPerGpu,
} from "./serving-point.ts";

/** Placements stay: longer than any run. */
const NEVER_MS = 1e12;

export interface ClosedLoopRun extends ServingTimes {
  readonly steps: number;
  readonly requests: number;
  readonly virtualMs: number;
}

/**
 * The twin itself in a benchmark: so many clients, each with one request after the other, on one engine, step by step.
 * Nothing is known of queues beforehand: prompts, chunks and answers meet in the pool's steps.
 * @param routing of `servedModel(point)`
 * @returns null where a request is longer than what a rank has room for
 */
export function closedLoop(
  point: ServingPoint,
  constants: Constants,
  routing: RoutingSource,
  seed: number,
  settings = benchmarkSettings(point),
): ClosedLoopRun | null {
  const model = servedModel(point);
  const { current } = new Balancer(
    model,
    unitsOf(model, point.decode),
    BALANCE_POLICIES.none,
    { sharesMs: NEVER_MS, placementMs: NEVER_MS },
    0,
  );
  const hardware = gpuHardware(point.gpu, constants);
  const { engine, batching } = settings;
  const pool = new SimulatedPool(
    { model, routing, dispatch: "even", seed, hardware, fidelity: "analytic", engine, batching },
    current,
  );
  if (pool.maxRequestTokens < point.isl + point.osl) return null;
  const loop = new ClosedLoop(point, pool, 1000 * constants.first, settings, new Rng(seed, 8));
  loop.run();
  return loop.result();
}

/** The model as the point's engine runs it: in its precision, without layers for multi-token prediction. */
export function servedModel({ model, precision }: Pick<ServingPoint, "model" | "precision">): MoeModel {
  const { moeLayers, layers } = model;
  const decoded = { ...model, moeLayers: moeLayers.filter((layer) => layer < layers), mtpLayers: 0 };
  return servedIn(decoded, precision);
}

/** Expert units of an engine: its GPUs, or groups of them that share each expert. */
function unitsOf({ experts }: MoeModel, { ep }: Workers): Topology {
  return { nodes: 1, gpusPerNode: ep, slotsPerGpu: Math.ceil(experts / ep) };
}

interface Sent {
  readonly sentMs: number;
  /** When the engine has it: HTTP, tokens and scheduling come before. */
  readonly readyMs: number;
  rank: number;
  outputTokens: number;
  firstMs: number;
}

class ClosedLoop {
  readonly #point: ServingPoint;
  readonly #pool: SimulatedPool;
  readonly #beforeMs: number;
  readonly #settings: BenchmarkSettings;
  readonly #rng: Rng;
  readonly #clients: number;
  readonly #total: number;
  /** Requests that do not count: numbers below. */
  readonly #warmUp: number;
  readonly #inFlight: Int32Array;
  readonly #open = new Map<number, Sent>();
  /** In the order in which they become ready. */
  readonly #arriving: number[] = [];
  #nowMs = 0;
  #begunMs = 0;
  #answersOnly: number;
  #sent = 0;
  readonly #ttft = { sum: 0, count: 0 };
  readonly #tpot = { sum: 0, count: 0 };
  #steps = 0;

  /** @param beforeMs between a request's arrival and its way into the engine */
  constructor(
    point: ServingPoint,
    pool: SimulatedPool,
    beforeMs: number,
    settings: BenchmarkSettings,
    rng: Rng,
  ) {
    const { concurrency, decode } = point;
    this.#point = point;
    this.#pool = pool;
    this.#beforeMs = beforeMs;
    this.#settings = settings;
    this.#rng = rng;
    this.#clients = Math.max(1, Math.round(concurrency / decode.count));
    this.#warmUp = settings.together ? 0 : this.#clients;
    this.#total = this.#clients * settings.rounds + this.#warmUp;
    this.#inFlight = new Int32Array(decode.dp);
    this.#answersOnly = settings.pollSteps;
  }

  run(): void {
    for (let client = 0; client < this.#clients; client++) this.#send();
    while (this.#open.size > 0) {
      this.#admit();
      const step = this.#pool.step();
      if (step === null) this.#waitForArrival();
      else this.#end(step);
    }
  }

  result(): ClosedLoopRun {
    const ttftMs = this.#ttft.sum / this.#ttft.count;
    const tpotMs = this.#tpot.sum / Math.max(1, this.#tpot.count);
    return {
      ttftMs,
      tpotMs,
      outTokSGpu: outTokensPerSecondPerGpu(this.#point, ttftMs, tpotMs),
      steps: this.#steps,
      requests: this.#ttft.count,
      virtualMs: this.#nowMs,
    };
  }

  #send(): void {
    if (this.#sent === this.#total) return;
    const readyMs = this.#nowMs + this.#beforeMs;
    this.#arriving.push(this.#sent);
    this.#open.set(this.#sent++, { sentMs: this.#nowMs, readyMs, rank: 0, outputTokens: 0, firstMs: 0 });
  }

  /** Engines make up a step while the one before it runs: what arrives meanwhile is in the next but one. */
  #admit(): void {
    const { pollSteps } = this.#settings;
    if (this.#answersOnly >= pollSteps) {
      this.#answersOnly = 0;
      for (let next = this.#next(); next !== null && next.readyMs <= this.#begunMs; next = this.#next())
        this.#submit(this.#arriving.shift() as number, next);
    }
    this.#begunMs = this.#nowMs;
  }

  #next(): Sent | null {
    return this.#arriving.length === 0 ? null : (this.#open.get(this.#arriving[0]) ?? null);
  }

  /** To the rank with the fewest requests. */
  #submit(id: number, request: Sent): void {
    const { isl, osl } = this.#point;
    const rank = this.#inFlight.indexOf(Math.min(...this.#inFlight));
    this.#inFlight[rank]++;
    request.rank = rank;
    const whole = this.#drawn(osl);
    // A client that begins in the middle of a request.
    request.outputTokens = id < this.#warmUp ? Math.ceil(whole * this.#rng.uniform()) : whole;
    this.#pool.submit({ id, rank, inputTokens: this.#drawn(isl), outputTokens: request.outputTokens });
  }

  #drawn(nominal: number): number {
    const { lengthRatio } = this.#point;
    return Math.max(1, Math.round(nominal * (lengthRatio + (1 - lengthRatio) * this.#rng.uniform())));
  }

  #waitForArrival(): void {
    this.#nowMs = Math.max(this.#nowMs, this.#next()?.readyMs ?? this.#nowMs);
    this.#begunMs = this.#nowMs;
    this.#answersOnly = this.#settings.pollSteps;
  }

  #end({ ms, prefillTokens, made, finished }: PoolStep): void {
    this.#steps++;
    this.#nowMs += ms;
    this.#answersOnly = prefillTokens > 0 ? this.#settings.pollSteps : this.#answersOnly + 1;
    for (const id of made) {
      const request = this.#open.get(id);
      if (request === undefined || request.firstMs > 0) continue;
      request.firstMs = this.#nowMs;
      if (id >= this.#warmUp) add(this.#ttft, this.#nowMs - request.sentMs);
    }
    for (const id of finished) {
      const request = this.#open.get(id);
      if (request === undefined) continue;
      const { rank, outputTokens, firstMs } = request;
      if (id >= this.#warmUp && outputTokens > 1)
        add(this.#tpot, (this.#nowMs - firstMs) / (outputTokens - 1));
      this.#inFlight[rank]--;
      this.#open.delete(id);
      this.#send();
    }
  }
}

function add(mean: { sum: number; count: number }, value: number): void {
  mean.sum += value;
  mean.count++;
}
