import { Rng } from "../src/lib/rng.ts";
import { ShardStates } from "../src/routing/shard-states.ts";
import type { Engine, EngineServer, LoadReport, ModelCard } from "../src/serving/engine.ts";
import type { Outcome } from "../src/serving/health/outcome.ts";
import { PoolHealth } from "../src/serving/health/pool-health.ts";
import type { ShardReport } from "../src/serving/health/shard-reports.ts";
import type { HealthSettings } from "../src/serving/health/settings.ts";
import { HandClock } from "./hand-clock.ts";

export const HEALTH: HealthSettings = {
  probe: {
    intervalMs: 1000,
    timeoutMs: 1000,
    lateMs: 400,
    hungMs: 60_000,
    unhealthyAfter: 3,
    healthyAfter: 2,
  },
  windowMs: 10_000,
  circuit: { consecutiveFailures: 3, failureRatio: 0.5, minRequests: 10, openMs: 1000, maxOpenMs: 8000 },
  outlier: {
    minRequests: 10,
    failureMargin: 0.2,
    firstByteFactor: 4,
    firstByteLeastMs: 500,
    ejectMs: 10_000,
    maxEjectMs: 60_000,
    maxEjectedPercent: 30,
  },
  slowStart: { durationMs: 10_000, floor: 0.1 },
  panicPercent: 10,
};

export const WELL: ShardReport = {
  ready: true,
  load: { running: 1, waiting: 2, kvUse: 0.5, kvCapacityTokens: 1000 },
  lack: null,
};

/** Servers of one shard each that answer what `answer`, `loads` and `cards` say, and the health of their pool with time by hand. */
export class WatchedPool {
  readonly clock = new HandClock();
  readonly states: ShardStates;
  readonly servers: readonly EngineServer[];
  readonly health: PoolHealth;
  readonly notices: string[] = [];
  /** What other processes are told of requests. */
  readonly outcomes: Outcome[] = [];
  readonly restarted: number[] = [];
  answer: (server: number, signal: AbortSignal) => Promise<ShardReport> = async () => WELL;
  loads: (server: number) => Promise<readonly LoadReport[]> = async () => [
    { serves: true, load: WELL.load, lack: null },
  ];
  cards: (server: number) => Promise<readonly ModelCard[]> = async () => [];
  /** `[servers]`: chunks of answers that have come. */
  readonly received: number[];

  constructor(shards: number, settings: HealthSettings = HEALTH) {
    this.states = new ShardStates(shards);
    const ids = Array.from({ length: shards }, (_, rank) => ({ id: `p/s${rank}`, pool: "p", rank }));
    this.received = ids.map(() => 0);
    const { received } = this;
    this.servers = ids.map((shard) => ({
      name: `http://s${shard.rank}`,
      shards: [shard],
      get received() {
        return received[shard.rank];
      },
      health: async (signal) => {
        const { ready, lack } = await this.answer(shard.rank, signal);
        return { ready, lack: ready ? null : lack };
      },
      loads: () => this.loads(shard.rank),
      models: () => this.cards(shard.rank),
    }));
    const engine: Engine = {
      pool: "p",
      shards: ids,
      servers: this.servers,
      send: () => ({ resume: () => {}, cancel: () => {} }),
      close: async () => {},
    };
    this.health = new PoolHealth({
      engine,
      models: ["m"],
      states: this.states,
      settings,
      clock: this.clock,
      rng: new Rng(1),
      probes: true,
      listener: { news: () => {}, outcome: (_pool, _instance, outcome) => this.outcomes.push(outcome) },
      onNotice: (line) => this.notices.push(line),
      onRestarted: (shard) => this.restarted.push(shard),
    });
  }

  tickAt(ms: number): void {
    this.clock.ms = ms;
    this.health.tick(ms);
  }

  /** The server says this of its health, and of its load where it is ready. */
  probed(server: number, { ready, load, lack }: ShardReport): void {
    const to = this.servers[server];
    this.health.news(to, { kind: "health", waitedMs: 1, ready, lack: ready ? null : lack });
    if (ready) this.health.news(to, { kind: "loads", loads: [{ serves: true, load, lack }] });
  }

  /** No answer came to a probe of the server for so long. */
  silent(server: number, waitedMs = 400): void {
    this.health.news(this.servers[server], {
      kind: "silent",
      waitedMs,
      nobodyThere: false,
      why: "no answer within 400 ms",
    });
  }

  refused(server: number): void {
    const why = "nobody takes connections there: ECONNREFUSED";
    this.health.news(this.servers[server], { kind: "silent", waitedMs: 1, nobodyThere: true, why });
  }

  succeed(shard: number, times = 1, firstByteMs = 10): void {
    for (let i = 0; i < times; i++) {
      this.health.began(shard);
      this.health.succeeded(shard, firstByteMs);
    }
  }

  fail(shard: number, times = 1): void {
    for (let i = 0; i < times; i++) {
      this.health.began(shard);
      this.health.failed(shard, "connect");
    }
  }

  get admitting(): number[] {
    return [...this.states.admitting];
  }
}
