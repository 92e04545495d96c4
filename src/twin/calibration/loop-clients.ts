import type { Rng } from "../../lib/rng.ts";
import type { LoopEngine, TimedStep } from "./loop-engine.ts";
import { type ServingPoint, outTokensPerSecondPerGpu } from "./serving-point.ts";

/** What clients ask for. */
interface Asked extends Pick<ServingPoint, "isl" | "osl" | "lengthRatio" | "concurrency" | "gpus"> {
  readonly clients: number;
  /** Whether their first requests come at once, and count. */
  readonly together: boolean;
  readonly rounds: number;
}

/** Who computes prompts, and who answers; nobody where those do both. */
interface Engines {
  readonly prompts: readonly LoopEngine[];
  readonly answers: readonly LoopEngine[];
}

interface Ways {
  /** Between a request's arrival and its way into the engine: HTTP, tokens and scheduling. */
  readonly beforeMs: number;
  /** Bytes per second of a cache on its way to who answers. */
  readonly kvBandwidth: number;
}

interface Sent {
  readonly sentMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  firstMs: number | null;
}

interface Release {
  readonly atMs: number;
  readonly engine: LoopEngine;
  readonly id: number;
}

/** Clients in a closed loop: whoever is answered asks again, until all have asked so often. */
export class LoopClients {
  readonly #asked: Asked;
  readonly #engines: Engines;
  readonly #ways: Ways;
  readonly #rng: Rng;
  readonly #total: number;
  /** Requests that do not count: numbers below. */
  readonly #warmUp: number;
  readonly #open = new Map<number, Sent>();
  /** Caches that are on their way, in the order in which they are there. */
  readonly #releases: Release[] = [];
  readonly #ttft = { sum: 0, count: 0 };
  readonly #tpot = { sum: 0, count: 0 };
  #sent = 0;
  #steps = 0;
  #lastMs = 0;

  constructor(asked: Asked, engines: Engines, ways: Ways, rng: Rng) {
    this.#asked = asked;
    this.#engines = engines;
    this.#ways = ways;
    this.#rng = rng;
    this.#warmUp = asked.together ? 0 : asked.clients;
    this.#total = asked.clients * asked.rounds + this.#warmUp;
  }

  run(): void {
    for (let client = 0; client < this.#asked.clients; client++) this.#send(0);
    const all = [...this.#engines.prompts, ...this.#engines.answers];
    while (this.#open.size > 0) {
      const engine = all.reduce((soonest, other) => (other.nextMs < soonest.nextMs ? other : soonest));
      if (this.#releases.length > 0 && this.#releases[0].atMs <= engine.nextMs) {
        const { engine: holder, id, atMs } = this.#releases.shift() as Release;
        holder.release(id, atMs);
        continue;
      }
      if (engine.nextMs === Number.POSITIVE_INFINITY) throw new Error("requests wait for nothing");
      const timed = engine.step();
      if (timed !== null) this.#end(engine, timed);
    }
  }

  result() {
    const ttftMs = this.#ttft.sum / Math.max(1, this.#ttft.count);
    const tpotMs = this.#tpot.sum / Math.max(1, this.#tpot.count);
    return {
      ttftMs,
      tpotMs,
      outTokSGpu: outTokensPerSecondPerGpu(this.#asked, ttftMs, tpotMs),
      steps: this.#steps,
      requests: this.#ttft.count,
      virtualMs: this.#lastMs,
    };
  }

  #send(nowMs: number): void {
    if (this.#sent === this.#total) return;
    const { isl, osl } = this.#asked;
    const id = this.#sent++;
    const whole = this.#drawn(osl);
    // A client that begins in the middle of a request.
    const outputTokens = id < this.#warmUp ? Math.ceil(whole * this.#rng.uniform()) : whole;
    const inputTokens = this.#drawn(isl);
    this.#open.set(id, { sentMs: nowMs, inputTokens, outputTokens, firstMs: null });
    leastLoaded(this.#engines.prompts).expect({ id, inputTokens, outputTokens }, nowMs + this.#ways.beforeMs);
  }

  #drawn(nominal: number): number {
    const { lengthRatio } = this.#asked;
    return Math.max(1, Math.round(nominal * (lengthRatio + (1 - lengthRatio) * this.#rng.uniform())));
  }

  #end(engine: LoopEngine, { step, startMs, endMs }: TimedStep): void {
    this.#steps++;
    this.#lastMs = Math.max(this.#lastMs, endMs);
    // A first token comes with its cache, where that has travelled.
    if (engine.role === "decode") for (const id of step.started) this.#first(id, startMs);
    if (engine.role === "mixed") for (const id of step.made) this.#first(id, endMs);
    for (const id of step.finished) {
      engine.leave(id);
      const request = this.#open.get(id);
      if (request === undefined) continue;
      if (engine.role === "prefill" && request.outputTokens > 1) this.#handOver(id, request, engine, endMs);
      else {
        this.#first(id, endMs);
        if (engine.role === "prefill") engine.release(id, endMs);
        this.#over(id, request, endMs);
      }
    }
  }

  #first(id: number, nowMs: number): void {
    const request = this.#open.get(id);
    if (request === undefined || request.firstMs !== null) return;
    request.firstMs = nowMs;
    if (id >= this.#warmUp) add(this.#ttft, nowMs - request.sentMs);
  }

  #handOver(id: number, { inputTokens, outputTokens }: Sent, from: LoopEngine, nowMs: number): void {
    const there = nowMs + (1000 * from.kvBytes(inputTokens)) / this.#ways.kvBandwidth;
    leastLoaded(this.#engines.answers).expect({ id, inputTokens, outputTokens, prefilled: true }, there);
    let at = this.#releases.length;
    while (at > 0 && this.#releases[at - 1].atMs > there) at--;
    this.#releases.splice(at, 0, { atMs: there, engine: from, id });
  }

  #over(id: number, { firstMs, outputTokens }: Sent, nowMs: number): void {
    if (id >= this.#warmUp && outputTokens > 1 && firstMs !== null) {
      add(this.#tpot, (nowMs - firstMs) / (outputTokens - 1));
    }
    this.#open.delete(id);
    this.#send(nowMs);
  }
}

function leastLoaded(engines: readonly LoopEngine[]): LoopEngine {
  return engines.reduce((least, other) => (other.load < least.load ? other : least));
}

function add(mean: { sum: number; count: number }, value: number): void {
  mean.sum += value;
  mean.count++;
}
