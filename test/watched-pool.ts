import { Rng } from "../src/lib/rng.ts";
import { ShardStates } from "../src/routing/shard-states.ts";
import type { Engine, EngineServer, ShardReport } from "../src/serving/engine.ts";
import { PoolHealth } from "../src/serving/health/pool-health.ts";
import type { HealthSettings } from "../src/serving/health/settings.ts";
import { HandClock } from "./hand-clock.ts";

export const HEALTH: HealthSettings = {
  probe: { intervalMs: 1000, timeoutMs: 1000, unhealthyAfter: 3, healthyAfter: 2 },
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

/** Servers of one shard each that answer what `answer` says, and the health of their pool with time by hand. */
export class WatchedPool {
  readonly clock = new HandClock();
  readonly states: ShardStates;
  readonly servers: readonly EngineServer[];
  readonly health: PoolHealth;
  readonly notices: string[] = [];
  readonly restarted: number[] = [];
  answer: (server: number, signal: AbortSignal) => Promise<ShardReport> = async () => WELL;

  constructor(shards: number, settings: HealthSettings = HEALTH) {
    this.states = new ShardStates(shards);
    const ids = Array.from({ length: shards }, (_, rank) => ({ id: `p/s${rank}`, pool: "p", rank }));
    this.servers = ids.map((shard) => ({
      name: `http://s${shard.rank}`,
      shards: [shard],
      probe: async (signal) => [await this.answer(shard.rank, signal)],
      models: async () => [],
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
      states: this.states,
      settings,
      clock: this.clock,
      rng: new Rng(1),
      probes: true,
      listener: null,
      onNotice: (line) => this.notices.push(line),
      onRestarted: (shard) => this.restarted.push(shard),
    });
  }

  tickAt(ms: number): void {
    this.clock.ms = ms;
    this.health.tick(ms);
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
