import { EQUAL_PART } from "../../model/server-part.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { ShardStates } from "../../routing/shard-states.ts";
import { type Engine, type EngineServer, type LoadReport, instanceOf, serverInstance } from "../engine.ts";
import { PoolModels } from "../models/pool-models.ts";
import { HealthNotices } from "./health-notices.ts";
import { OutcomeHealth, type ShardTrust } from "./outcome-health.ts";
import type { FailureKind, Outcome } from "./outcome.ts";
import { PoolReadiness } from "./pool-readiness.ts";
import { ProbeLoop } from "./probe-loop.ts";
import { ServerLife } from "./server-life.ts";
import type { NewsListener, ServerNews } from "./server-news.ts";
import type { HealthSettings } from "./settings.ts";

/** How often the time is checked: circuits, ejections and slow starts change up to this much late. */
const TICK_MS = 100;

/** The state of one shard, for people. */
export interface ShardHealth extends ShardTrust {
  readonly ready: boolean;
  /** Above 0 where it is for what others cannot take. */
  readonly tier: number;
  /** Why it is not ready, or reports no load; null when it does both. */
  readonly lack: string | null;
}

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
 * Which shards of a pool are sent requests: by probes (`ready`, PoolReadiness), and by the outcomes of requests
 * (`admitting`, OutcomeHealth), which also say how many requests a shard gets that has just come back (`weight`).
 */
export class PoolHealth implements NewsListener {
  /** What the servers list, as the probes have asked them. */
  readonly models: PoolModels;
  readonly #options: PoolHealthOptions;
  readonly #outcomes: OutcomeHealth;
  readonly #readiness: PoolReadiness;
  readonly #life: ServerLife;
  readonly #probeLoop: ProbeLoop;
  /** `[shards]`: why each reports no load; null when it does. */
  readonly #loadLacks: (string | null)[];
  readonly #notices: HealthNotices;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PoolHealthOptions) {
    const { engine, models, states, settings, clock, rng, onRestarted } = options;
    this.models = new PoolModels(engine.servers, models, states);
    this.#options = options;
    this.#notices = new HealthNotices(engine.pool, options.onNotice);
    const { shards } = engine;
    const notices = this.#notices;
    this.#outcomes = new OutcomeHealth({ shards, states, settings, clock, rng, notices, onRestarted });
    this.#readiness = new PoolReadiness(engine.servers, states.ready, settings);
    this.#life = new ServerLife(engine.servers);
    this.#probeLoop = new ProbeLoop(options.probes ? engine.servers : [], settings.probe, this, clock, rng);
    states.tier.set(shards.map(({ part = EQUAL_PART }) => part.tier));
    this.#loadLacks = shards.map(() => null);
  }

  /**
   * Goes on with what was known of the shards that were there before; those that join them start slowly.
   * @param previous `[shards]`: the place of each shard before; −1 for those that are new
   */
  resume(before: PoolHealth, previous: Int32Array): void {
    const joins = before.#options.states.count > 0;
    for (const [shard, from] of previous.entries()) {
      if (from < 0) {
        if (joins) this.#outcomes.comeBack(shard);
        continue;
      }
      this.#outcomes.resume(shard, before.#outcomes, from);
      this.#loadLacks[shard] = before.#loadLacks[from];
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
    if (this.#outcomes.began(shard)) this.#admit();
  }

  /** The first byte of a good answer has arrived. */
  succeeded(shard: number, firstByteMs: number): void {
    this.#take({ shard, firstByteMs, failure: null });
  }

  failed(shard: number, kind: FailureKind): void {
    this.#take({ shard, failure: kind });
  }

  /** The client went away before the first byte. */
  cancelled(shard: number): void {
    if (this.#outcomes.cancelled(shard)) this.#admit();
  }

  #take(outcome: Outcome): void {
    this.#report(outcome);
    this.received(outcome);
  }

  #report(outcome: Outcome): void {
    const { engine, listener } = this.#options;
    listener?.outcome(engine.pool, instanceOf(engine.shards[outcome.shard]), outcome);
  }

  /** How a request of another process went. */
  received(outcome: Outcome): void {
    const { shard } = outcome;
    if ("alive" in outcome) this.#alive(shard);
    else if (outcome.failure === null) {
      this.#alive(shard);
      if (this.#outcomes.succeeded(shard, outcome.firstByteMs)) this.#admit();
    } else if (this.#outcomes.failed(shard, outcome.failure)) this.#admit();
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
      this.#outcomes.comeBack(rank);
    }
    void this.#probeLoop.askModels(server);
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    this.#outcomes.tick(nowMs);
    this.#life.look(nowMs, (shard, report) => {
      this.#readiness.alive(shard, nowMs);
      if (report) this.#report({ shard, alive: true });
    });
    this.#admit();
  }

  view(shard: number): ShardHealth {
    const { lastFailure, ...trust } = this.#outcomes.view(shard);
    const { states } = this.#options;
    const lack = this.#readiness.lack(shard) ?? this.#loadLacks[shard];
    return { ready: states.ready[shard] === 1, ...trust, tier: states.tier[shard], lack, lastFailure };
  }

  /** Writes which shards are ready and which admit requests; when too few ready ones would, all of them do. */
  #admit(): void {
    const { states, settings } = this.#options;
    this.#notices.panic(this.#readiness.write());
    const { ready, admitting, count } = states;
    let readyCount = 0;
    let admittedCount = 0;
    for (let shard = 0; shard < count; shard++) {
      admitting[shard] = this.#outcomes.admits(shard) ? 1 : 0;
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
}

function isKnownTo(readiness: PoolReadiness): (server: EngineServer) => boolean {
  return ({ shards }) => readiness.isKnown(shards[0].rank);
}
