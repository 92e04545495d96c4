import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import { EQUAL_PART } from "../../model/server-part.ts";
import type { ShardStates } from "../../routing/shard-states.ts";
import { type Engine, type EngineServer, type LoadReport, instanceOf, serverInstance } from "../engine.ts";
import { PoolModels } from "../models/pool-models.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import { Ejections } from "./ejections.ts";
import { HealthNotices } from "./health-notices.ts";
import { OutcomeWindow } from "./outcome-window.ts";
import { outliers } from "./outliers.ts";
import { PoolReadiness } from "./pool-readiness.ts";
import { ProbeLoop } from "./probe-loop.ts";
import { ServerLife } from "./server-life.ts";
import type { NewsListener, ServerNews } from "./server-news.ts";
import type { HealthSettings } from "./settings.ts";
import { slowStartWeight } from "./slow-start.ts";

/** How often the time is checked: circuits, ejections and slow starts change up to this much late. */
const TICK_MS = 100;

/** How a request failed: no connection, the response broke off, a time limit, or a status that blames the engine. */
export type FailureKind = "connect" | "reset" | "timeout" | "status";

/** The state of one shard, for people. */
export interface ShardHealth {
  readonly ready: boolean;
  readonly circuit: CircuitState;
  /** Until an open circuit lets a trial through, or an ejection ends; 0 where there is none. */
  readonly openForMs: number;
  readonly ejectedForMs: number;
  /** The part of its part that it gets, over 0 to 1: less than all where it has just come back. */
  readonly weight: number;
  /** Above 0 where it is for what others cannot take. */
  readonly tier: number;
  /** Why it is not ready, or reports no load; null when it does both. */
  readonly lack: string | null;
  /** How the last request failed that did; null when none. */
  readonly lastFailure: FailureKind | null;
}

/** The outcome of a request: the first byte of a good answer arrived after so long, or it failed. */
export type Outcome =
  /** Answers of its server are arriving. */
  | { readonly shard: number; readonly alive: true }
  | { readonly shard: number; readonly firstByteMs: number; readonly failure: null }
  | { readonly shard: number; readonly failure: FailureKind };

/** Receives what a pool's health is decided from, for other processes that use the same servers. */
export interface HealthListener extends NewsListener {
  /** @param instance of the shard, as instanceOf has it */
  outcome(pool: string, instance: string, outcome: Outcome): void;
}

export interface PoolHealthOptions {
  readonly engine: Engine;
  /** The names clients may ask for. */
  readonly models: readonly string[];
  /** `ready`, `admitting`, `weight`, `models` and the reports are written here. */
  readonly states: ShardStates;
  readonly settings: HealthSettings;
  readonly clock: Clock;
  readonly rng: Rng;
  /** False where another process asks the servers and sends their answers on. */
  readonly probes: boolean;
  /** Null where nobody listens. */
  readonly listener: HealthListener | null;
  /** Receives one line for a person when something has changed. */
  readonly onNotice: (line: string) => void;
  /** The shard was away and is back: its caches are empty. */
  readonly onRestarted: (shard: number) => void;
}

/**
 * Which shards of a pool are sent requests: by probes (`ready`), by the outcomes of requests (`admitting`: circuits,
 * ejection of outliers); and how many requests a shard gets that has just come back (`weight`).
 */
export class PoolHealth implements NewsListener {
  /** What the servers list, as the probes have asked them. */
  readonly models: PoolModels;
  readonly #options: PoolHealthOptions;
  readonly #circuits: readonly Circuit[];
  readonly #ejections: Ejections;
  readonly #window: OutcomeWindow;
  readonly #readiness: PoolReadiness;
  readonly #life: ServerLife;
  readonly #probeLoop: ProbeLoop;
  /** `[shards]`: the part of an equal share that each is to get, once it has started. */
  readonly #weights: Float64Array;
  /** `[shards]`: when each came back last. */
  readonly #backMs: Float64Array;
  readonly #loadLacks: (string | null)[];
  readonly #lastFailures: (FailureKind | null)[];
  readonly #notices: HealthNotices;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PoolHealthOptions) {
    const { engine, models, states, settings, clock, rng } = options;
    const { count } = states;
    this.models = new PoolModels(engine.servers, models, states);
    this.#options = options;
    this.#notices = new HealthNotices(engine.pool, options.onNotice);
    this.#circuits = engine.shards.map(() => new Circuit(settings.circuit, rng));
    this.#ejections = new Ejections(count, settings.outlier);
    this.#window = new OutcomeWindow(count, settings.windowMs, clock.now());
    this.#readiness = new PoolReadiness(engine.servers, states.ready, settings);
    this.#life = new ServerLife(engine.servers);
    this.#probeLoop = new ProbeLoop(options.probes ? engine.servers : [], settings.probe, this, clock, rng);
    this.#weights = Float64Array.from(engine.shards, ({ part = EQUAL_PART }) => part.weight);
    states.weight.set(this.#weights);
    states.tier.set(engine.shards.map(({ part = EQUAL_PART }) => part.tier));
    this.#backMs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.#loadLacks = engine.shards.map(() => null);
    this.#lastFailures = engine.shards.map(() => null);
  }

  /**
   * Goes on with what was known of the shards that were there before; those that join them start slowly.
   * @param previous `[shards]`: the place of each shard before; −1 for those that are new
   */
  resume(before: PoolHealth, previous: Int32Array): void {
    const joins = before.#options.states.count > 0;
    for (const [shard, from] of previous.entries()) {
      if (from < 0) {
        if (joins) this.#comeBack(shard);
        continue;
      }
      this.#circuits[shard].resume(before.#circuits[from]);
      this.#ejections.resume(shard, before.#ejections, from);
      this.#window.resume(shard, before.#window, from);
      this.#backMs[shard] = before.#backMs[from];
      this.#loadLacks[shard] = before.#loadLacks[from];
      this.#lastFailures[shard] = before.#lastFailures[from];
    }
    this.#readiness.resume(before.#readiness, previous);
    this.models.resume(before.models);
    this.#notices.resume(before.#notices, this.#options.engine.servers);
    this.#admit();
  }

  /**
   * Starts the probes; resolves after the first round, whatever its results, or after two seconds.
   * @param before the health whose place it is to take: what that knows is not asked again
   */
  async start(before: PoolHealth | null = null): Promise<void> {
    this.#timer = setInterval(() => this.tick(this.#options.clock.now()), TICK_MS).unref();
    const known = before === null ? [] : before.#options.engine.servers.filter(isKnownTo(before.#readiness));
    await this.#probeLoop.start(new Set(known.map(serverInstance)));
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

  /** The first byte of a good answer has arrived. */
  succeeded(shard: number, firstByteMs: number): void {
    this.#report({ shard, firstByteMs, failure: null });
    this.#succeeded(shard, firstByteMs);
  }

  failed(shard: number, kind: FailureKind): void {
    this.#report({ shard, failure: kind });
    this.#failed(shard, kind);
  }

  #report(outcome: Outcome): void {
    const { engine, listener } = this.#options;
    listener?.outcome(engine.pool, instanceOf(engine.shards[outcome.shard]), outcome);
  }

  /** How a request of another process went. */
  received(outcome: Outcome): void {
    if ("alive" in outcome) this.#alive(outcome.shard);
    else if (outcome.failure === null) this.#succeeded(outcome.shard, outcome.firstByteMs);
    else this.#failed(outcome.shard, outcome.failure);
  }

  /** Asks every server ahead of time what it lists. */
  askModels(): Promise<void> {
    return this.#probeLoop.askModels();
  }

  /** Why the pool cannot serve: one clause for a person, without a server's name; null when it can. */
  get lack(): string | null {
    return this.#readiness.poolLack;
  }

  /** Whether the shard's server answers, probes or requests, and does not say that it cannot serve. */
  answers(shard: number): boolean {
    return this.#readiness.answers(shard);
  }

  #alive(shard: number): void {
    if (this.#readiness.alive(shard, this.#options.clock.now())) this.#admit();
  }

  #succeeded(shard: number, firstByteMs: number): void {
    this.#alive(shard);
    this.#window.answered(shard, firstByteMs);
    if (!this.#circuits[shard].succeeded()) return;
    this.#notices.notify(`${this.#name(shard)} serves again`);
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
    this.#notices.notify(`${this.#name(shard)} gets no requests for ${seconds} s: they fail (${kind})`);
    this.#admit();
  }

  /** The client went away before the first byte. */
  cancelled(shard: number): void {
    if (this.#circuits[shard].state === "closed") return;
    this.#circuits[shard].cancelled();
    this.#admit();
  }

  news(server: EngineServer, news: ServerNews): void {
    const { listener, clock } = this.#options;
    if (news.kind === "models") this.models.list(server, news.cards);
    else {
      if (news.kind === "loads") this.#loadsReported(server, news.loads);
      else if (this.#readiness.received(server, news, clock.now())) this.#back(server);
      this.#admit();
      this.#notify(server);
    }
    listener?.news(server, news);
  }

  #loadsReported(server: EngineServer, loads: readonly LoadReport[]): void {
    for (const [i, { rank }] of server.shards.entries()) {
      const { serves, load, lack } = loads[i];
      this.#options.states.report(rank, load, load?.kvUse ?? null, load?.kvCapacityTokens ?? null);
      this.#readiness.rank(rank, serves ? null : lack);
      this.#loadLacks[rank] = lack;
    }
  }

  /** The server was away: its caches are empty, and it may list other models. */
  #back(server: EngineServer): void {
    for (const { rank } of server.shards) {
      this.#options.onRestarted(rank);
      this.#comeBack(rank);
    }
    void this.#probeLoop.askModels(server);
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    const { states, settings } = this.#options;
    if (this.#window.tick(nowMs)) this.#judge(nowMs);
    this.#life.look(nowMs, (shard, report) => {
      this.#readiness.alive(shard, nowMs);
      if (report) this.#report({ shard, alive: true });
    });
    for (let shard = 0; shard < states.count; shard++) {
      this.#circuits[shard].tick(nowMs);
      if (this.#ejections.tick(shard, nowMs)) this.#comeBack(shard);
      states.weight[shard] =
        this.#weights[shard] * slowStartWeight(nowMs - this.#backMs[shard], settings.slowStart);
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
      weight: states.weight[shard] / this.#weights[shard],
      tier: states.tier[shard],
      lack: this.#readiness.lack(shard) ?? this.#loadLacks[shard],
      lastFailure: this.#lastFailures[shard],
    };
  }

  /** Ejects the outliers among the shards in use. */
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
      this.#notices.notify(`${this.#name(shard)} gets no requests for ${seconds} s: ${reason}`);
    }
    for (const shard of inUse) if (!found.some((one) => one.shard === shard)) this.#ejections.passed(shard);
  }

  /** It starts again: what it did before no longer counts. */
  #comeBack(shard: number): void {
    const { states, settings, clock } = this.#options;
    this.#window.forget(shard);
    this.#backMs[shard] = clock.now();
    states.weight[shard] = this.#weights[shard] * slowStartWeight(0, settings.slowStart);
  }

  /** Writes which shards are ready and which admit requests; when too few ready ones would, all of them do. */
  #admit(): void {
    const { states, settings } = this.#options;
    this.#notices.panic(this.#readiness.write());
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

  /** Notifies of what a server lacks, or that it lacks nothing any more. */
  #notify(server: EngineServer): void {
    const ranks = server.shards.map(({ rank }) => rank);
    const away = ranks.map((rank) => this.#readiness.lack(rank)).find((lack) => lack !== null);
    const loadLack = ranks.map((rank) => this.#loadLacks[rank]).find((lack) => lack !== null);
    this.#notices.server(server, away ?? null, loadLack ?? null);
  }

  #name(shard: number): string {
    return this.#options.engine.shards[shard].id;
  }
}

function isKnownTo(readiness: PoolReadiness): (server: EngineServer) => boolean {
  return ({ shards }) => readiness.isKnown(shards[0].rank);
}
