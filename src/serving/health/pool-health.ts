import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { ShardStates } from "../../routing/shard-states.ts";
import type { Engine, EngineServer, ShardReport } from "../engine.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import { Ejections } from "./ejections.ts";
import { OutcomeWindow } from "./outcome-window.ts";
import { outliers } from "./outliers.ts";
import { type ProbeListener, ProbeLoop } from "./probe-loop.ts";
import { Readiness } from "./readiness.ts";
import type { HealthSettings } from "./settings.ts";
import { slowStartWeight } from "./slow-start.ts";

/** How often time is looked at: circuits, ejections and slow starts change this much late. */
const TICK_MS = 100;

/** How a request failed: no connection, it broke off, nothing came in time, or a status that blames the engine. */
export type FailureKind = "connect" | "reset" | "timeout" | "status";

/** How one shard is, for people. */
export interface ShardHealth {
  readonly ready: boolean;
  readonly circuit: CircuitState;
  /** Until an open circuit lets a trial through, or an ejection ends; 0 where there is none. */
  readonly openForMs: number;
  readonly ejectedForMs: number;
  readonly weight: number;
  /** Why it is not ready, or reports no load; null when it does both. */
  readonly lack: string | null;
  /** How the last request failed that did; null when none. */
  readonly lastFailure: FailureKind | null;
}

/** How a request went: the head of a good answer came after so long, or it failed. */
export type Outcome =
  | { readonly shard: number; readonly firstByteMs: number; readonly failure: null }
  | { readonly shard: number; readonly failure: FailureKind };

/** Hears what a pool's health goes by, for other processes that use the same servers. */
export interface HealthListener extends ProbeListener {
  outcome(pool: string, outcome: Outcome): void;
}

export interface PoolHealthOptions {
  readonly engine: Engine;
  /** `ready`, `admitting`, `weight` and the reports are written here. */
  readonly states: ShardStates;
  readonly settings: HealthSettings;
  readonly clock: Clock;
  readonly rng: Rng;
  /** False where another process asks the servers and hands on what they said. */
  readonly probes: boolean;
  /** Null where nobody hears. */
  readonly listener: HealthListener | null;
  /** Hears one line for a person when something has changed. */
  readonly onNotice: (line: string) => void;
  /** The shard lost what it remembered: it was away, and is back. */
  readonly onRestarted: (shard: number) => void;
}

/**
 * Which shards of a pool are sent requests: by probes (`ready`), by how requests went (`admitting`: circuits, ejection of
 * outliers), and how much those get that have just come back (`weight`).
 */
export class PoolHealth implements ProbeListener {
  readonly #options: PoolHealthOptions;
  readonly #circuits: readonly Circuit[];
  readonly #ejections: Ejections;
  readonly #window: OutcomeWindow;
  readonly #readiness: Readiness;
  readonly #probeLoop: ProbeLoop;
  /** `[shards]`: when each came back last. */
  readonly #backMs: Float64Array;
  readonly #lacks: (string | null)[];
  readonly #lastFailures: (FailureKind | null)[];
  /** What was said last of each server. */
  readonly #said = new Map<EngineServer, string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PoolHealthOptions) {
    const { engine, states, settings, clock, rng } = options;
    const { count } = states;
    this.#options = options;
    this.#circuits = engine.shards.map(() => new Circuit(settings.circuit, rng));
    this.#ejections = new Ejections(count, settings.outlier);
    this.#window = new OutcomeWindow(count, settings.windowMs, clock.now());
    this.#readiness = new Readiness(states.ready, settings.probe);
    this.#probeLoop = new ProbeLoop(options.probes ? engine.servers : [], settings.probe, this, rng);
    this.#backMs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.#lacks = engine.shards.map(() => null);
    this.#lastFailures = engine.shards.map(() => null);
  }

  /** Begins to watch; resolves after the first round of probes, whatever it brought. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.tick(this.#options.clock.now()), TICK_MS).unref();
    await this.#probeLoop.start();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#probeLoop.stop();
  }

  /** A request is sent. One of `succeeded`, `failed` and `cancelled` follows; `failed` may follow `succeeded`. */
  began(shard: number): void {
    const circuit = this.#circuits[shard];
    if (circuit.state === "closed") return;
    circuit.began(this.#options.clock.now());
    this.#admit();
  }

  /** The head of a good answer is there. */
  succeeded(shard: number, firstByteMs: number): void {
    this.#options.listener?.outcome(this.#options.engine.pool, { shard, firstByteMs, failure: null });
    this.#succeeded(shard, firstByteMs);
  }

  failed(shard: number, kind: FailureKind): void {
    this.#options.listener?.outcome(this.#options.engine.pool, { shard, failure: kind });
    this.#failed(shard, kind);
  }

  /** How a request of another process went. */
  heard(outcome: Outcome): void {
    if (outcome.failure === null) this.#succeeded(outcome.shard, outcome.firstByteMs);
    else this.#failed(outcome.shard, outcome.failure);
  }

  #succeeded(shard: number, firstByteMs: number): void {
    this.#window.answered(shard, firstByteMs);
    if (!this.#circuits[shard].succeeded()) return;
    this.#notice(`${this.#name(shard)} serves again`);
    if (this.#lastFailures[shard] === "connect") this.#options.onRestarted(shard);
    this.#comeBack(shard);
    this.#admit();
  }

  #failed(shard: number, kind: FailureKind): void {
    const now = this.#options.clock.now();
    this.#window.failed(shard);
    this.#lastFailures[shard] = kind;
    const circuit = this.#circuits[shard];
    if (!circuit.failed(now, this.#window.requests(shard), this.#window.failures(shard))) return;
    const seconds = (circuit.openForMs(now) / 1000).toFixed(1);
    this.#notice(`${this.#name(shard)} gets no requests for ${seconds} s: they fail (${kind})`);
    this.#admit();
  }

  /** The client went away before the head came. */
  cancelled(shard: number): void {
    if (this.#circuits[shard].state === "closed") return;
    this.#circuits[shard].cancelled();
    this.#admit();
  }

  probed(server: EngineServer, reports: readonly ShardReport[]): void {
    const { states, onRestarted } = this.#options;
    for (const [i, { rank }] of server.shards.entries()) {
      const { ready, load, lack } = reports[i];
      states.report(rank, load, load?.kvUse ?? null, load?.kvCapacityTokens ?? null);
      if (!ready) this.#readiness.unready(rank);
      else if (this.#readiness.good(rank)) {
        onRestarted(rank);
        this.#comeBack(rank);
      }
      // One that is not trusted again yet still lacks what it lacked.
      if (!ready || states.ready[rank] === 1) this.#lacks[rank] = lack;
    }
    this.#admit();
    this.#say(server);
    this.#options.listener?.probed(server, reports);
  }

  probeFailed(server: EngineServer, why: string): void {
    for (const { rank } of server.shards) {
      this.#readiness.bad(rank);
      if (this.#options.states.ready[rank] === 0) this.#lacks[rank] = why;
    }
    this.#admit();
    this.#say(server);
    this.#options.listener?.probeFailed(server, why);
  }

  /** Time has gone by. */
  tick(nowMs: number): void {
    const { states, settings } = this.#options;
    if (this.#window.tick(nowMs)) this.#judge(nowMs);
    for (let shard = 0; shard < states.count; shard++) {
      this.#circuits[shard].tick(nowMs);
      if (this.#ejections.tick(shard, nowMs)) this.#comeBack(shard);
      states.weight[shard] = slowStartWeight(nowMs - this.#backMs[shard], settings.slowStart);
    }
    this.#admit();
  }

  view(shard: number): ShardHealth {
    const { states, clock } = this.#options;
    const now = clock.now();
    const circuit = this.#circuits[shard];
    return {
      ready: states.ready[shard] === 1,
      circuit: circuit.state,
      openForMs: circuit.openForMs(now),
      ejectedForMs: this.#ejections.remainingMs(shard, now),
      weight: states.weight[shard],
      lack: this.#lacks[shard],
      lastFailure: this.#lastFailures[shard],
    };
  }

  /** Ejects those that stand out among the shards in use. */
  #judge(nowMs: number): void {
    const { states, settings } = this.#options;
    const inUse = [...this.#circuits.keys()].filter(
      (shard) =>
        states.ready[shard] === 1 && this.#circuits[shard].state === "closed" && !this.#ejections.has(shard),
    );
    const found = outliers(this.#window, inUse, settings.outlier);
    for (const { shard, reason } of found) {
      if (!this.#ejections.eject(shard, nowMs)) continue;
      const seconds = Math.round(this.#ejections.remainingMs(shard, nowMs) / 1000);
      this.#notice(`${this.#name(shard)} gets no requests for ${seconds} s: ${reason}`);
    }
    for (const shard of inUse) if (!found.some((one) => one.shard === shard)) this.#ejections.passed(shard);
  }

  /** It starts anew: what it did before is not held against it. */
  #comeBack(shard: number): void {
    const { states, settings, clock } = this.#options;
    this.#window.forget(shard);
    this.#backMs[shard] = clock.now();
    states.weight[shard] = slowStartWeight(0, settings.slowStart);
  }

  /** Writes who admits; all that are ready do when too few would. */
  #admit(): void {
    const { states, settings } = this.#options;
    const { ready, admitting, count } = states;
    let readyCount = 0;
    let admittedCount = 0;
    for (let shard = 0; shard < count; shard++) {
      admitting[shard] = this.#circuits[shard].admits && !this.#ejections.has(shard) ? 1 : 0;
      readyCount += ready[shard];
      admittedCount += ready[shard] & admitting[shard];
    }
    if (admittedCount > 0 && 100 * admittedCount >= settings.panicPercent * readyCount) return;
    for (let shard = 0; shard < count; shard++) admitting[shard] |= ready[shard];
  }

  /** Says what a server lacks, or that it lacks nothing any more, when that is not what was said last. */
  #say(server: EngineServer): void {
    const { ready } = this.#options.states;
    const well = `${server.name} is ready and reports its load`;
    const ranks = server.shards.map(({ rank }) => rank);
    const away = ranks.find((rank) => ready[rank] === 0);
    const lacking = ranks.find((rank) => this.#lacks[rank] !== null);
    let line = well;
    if (away !== undefined) line = `${server.name} is not ready (${this.#lacks[away]})`;
    else if (lacking !== undefined)
      line = `${server.name} reports no load (${this.#lacks[lacking]}); routed by what is in flight here`;
    if (line === (this.#said.get(server) ?? well)) return;
    this.#said.set(server, line);
    this.#notice(line);
  }

  #name(shard: number): string {
    return this.#options.engine.shards[shard].id;
  }

  #notice(line: string): void {
    const { engine, onNotice } = this.#options;
    onNotice(`pool ${engine.pool}: ${line}`);
  }
}
