import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { stringify } from "yaml";
import { Rng } from "../../src/lib/rng.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { type FakeServer, startOpenAiServer } from "../fakes/start-openai-server.ts";
import { type RedisServer, startRedis } from "../fakes/redis-server.ts";
import { SMALL_MODEL } from "../small-model.ts";
import type { AdminState } from "./admin-state.ts";
import { BRISK, type ClientLoad, ClientTraffic } from "./client-traffic.ts";
import {
  type Configs,
  FIRST_SETTINGS,
  type GatewaySettings,
  MOST_SERVERS,
  type Shape,
  gatewayConfigs,
} from "./gateway-configs.ts";
import { GatewayProcess, entryOf } from "./gateway-process.ts";
import { LeaderWatch } from "./leader-watch.ts";
import { RankAgent } from "./rank-agent.ts";
import { Referee } from "./referee.ts";

export const POOL = "chat";
/** 8 ranks; 80 slots for 32 experts, so that half the ranks can hold all. */
export const SMALL: Shape = { model: SMALL_MODEL, topology: { nodes: 2, gpusPerNode: 4, slotsPerGpu: 10 } };
const LOOK_MS = 50;

/** What need not be said of a cluster. */
export interface ClusterOptions {
  readonly shape?: Shape;
  readonly load?: ClientLoad;
  /** The checkout of another version; null for none. */
  readonly other?: string | null;
  /** Whether the gateway of that number runs it; by default every second does. */
  readonly runsOther?: (gateway: number) => boolean;
}

/**
 * A whole cluster on this machine: gateways in processes of their own, a real Redis they share, each by a way of its
 * own, servers behind them, clients before them, and ranks that hold, prepare and free what they are told.
 */
export class Cluster {
  readonly gateways: GatewayProcess[] = [];
  readonly agents: RankAgent[] = [];
  readonly engines: FakeServer[];
  readonly redis: RedisServer;
  readonly referee: Referee;
  readonly leaders: LeaderWatch;
  readonly traffic: ClientTraffic;
  /** The numbers of gateways that run another version. */
  readonly others: Set<number>;
  /** Gateways that ranks and clients do not turn to, as a load balancer leaves out those that do not answer. */
  readonly shunned = new Set<number>();
  /** Ranks that hold their acknowledgements of a phase back. */
  readonly withheld = new Map<number, "prepared" | "committed" | "all">();
  readonly #folder: string;
  readonly #configs: Configs;
  /** By gateway: what it was started with, or has reloaded. */
  readonly #settings: GatewaySettings[];
  readonly #shape: Shape;
  readonly #rng: Rng;
  #weights: number[][];

  static async start(
    gateways: number,
    seed: number,
    {
      shape = SMALL,
      load = BRISK,
      other = null,
      runsOther = (gateway) => gateway % 2 === 1,
    }: ClusterOptions = {},
  ): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), "plimsoll-cluster-"));
    const [redis, ...engines] = await Promise.all([
      startRedis(),
      ...Array.from({ length: MOST_SERVERS }, () => startOpenAiServer()),
    ]);
    const model = join(folder, "model.yaml");
    const topology = join(folder, "topology.yaml");
    await Promise.all([
      writeFile(model, stringify(shape.model)),
      writeFile(topology, stringify(shape.topology)),
    ]);
    const urls = engines.map(({ url }) => url);
    const configs = gatewayConfigs({ pool: POOL, shape, model, topology, urls });
    const others = new Set<number>();
    const processes = Array.from({ length: gateways }, (_, i) => {
      const path = join(folder, `gateway-${i}.yaml`);
      const config = configs(FIRST_SETTINGS);
      if (other === null || !runsOther(i)) return new GatewayProcess(path, redis.port, config);
      others.add(i);
      return new GatewayProcess(path, redis.port, config, entryOf(other));
    });
    for (const gateway of processes) await gateway.start();
    return new Cluster(folder, redis, engines, processes, { others, configs }, { shape, load }, seed);
  }

  private constructor(
    folder: string,
    redis: RedisServer,
    engines: readonly FakeServer[],
    gateways: readonly GatewayProcess[],
    { others, configs }: { readonly others: Set<number>; readonly configs: Configs },
    { shape, load }: { readonly shape: Shape; readonly load: ClientLoad },
    seed: number,
  ) {
    this.#folder = folder;
    this.#shape = shape;
    this.engines = [...engines];
    this.#configs = configs;
    this.#settings = gateways.map(() => FIRST_SETTINGS);
    this.others = others;
    this.#rng = new Rng(seed);
    this.#weights = this.#drawn();
    this.redis = redis;
    this.gateways.push(...gateways);
    const open = (gateway: number) =>
      this.shunned.has(gateway) || !this.gateways[gateway].running ? null : this.gateways[gateway].url;
    for (let rank = 0; rank < gpuCount(shape.topology); rank++)
      this.agents.push(
        new RankAgent(rank, {
          pool: POOL,
          gateway: (turn) => {
            const able = gateways.map((_, i) => open(i)).filter((url) => url !== null);
            return able.length === 0 ? null : able[turn % able.length];
          },
          load: () => this.#weights,
          mayAcknowledge: (one, phase) => this.#may(one, phase),
        }),
      );
    this.referee = new Referee(this.agents.map(({ model }) => model));
    for (let i = 0; i < gateways.length; i++)
      this.referee.watch(POOL, i, () => (this.gateways[i].running ? this.gateways[i].url : null));
    this.leaders = new LeaderWatch(gateways.length, (i) => {
      if (!this.gateways[i].running) throw new Error("it does not run");
      return this.state(i);
    });
    this.traffic = new ClientTraffic(load, gateways.length, shape.model.name, open);
  }

  async stop(): Promise<void> {
    this.withheld.clear();
    await Promise.all([
      this.traffic.stop(),
      this.referee.stop(),
      this.leaders.stop(),
      ...this.agents.map((agent) => agent.stop()),
    ]);
    for (const gateway of this.gateways) {
      gateway.thaw();
      await gateway.stop("SIGKILL");
      await gateway.store.cut();
    }
    await Promise.all(this.engines.map((engine) => engine.kill()));
    await this.redis[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }

  /** One that was killed, at the same address. */
  async startEngine(engine: number): Promise<void> {
    this.engines[engine] = await startOpenAiServer(Number(new URL(this.engines[engine].url).port));
  }

  /** Another load from now on: placements for it differ. */
  shiftLoad(): void {
    this.#weights = this.#drawn();
  }

  async state(gateway: number): Promise<AdminState> {
    const { url } = this.gateways[gateway];
    const { body } = await request(`${url}/admin/state`, { signal: AbortSignal.timeout(1000) });
    return (await body.json()) as AdminState;
  }

  /** The number of the gateway that leads. */
  async leader(): Promise<number> {
    let leader = -1;
    await this.until("a leader", async () => {
      for (const [i, gateway] of this.gateways.entries()) {
        if (!gateway.running || this.shunned.has(i)) continue;
        if ((await this.state(i)).pools[0].control.leading) leader = i;
      }
      return leader >= 0;
    });
    return leader;
  }

  settings(gateway: number): GatewaySettings {
    return this.#settings[gateway];
  }

  /** Has a gateway reload with other settings. Rejects when it cannot; then it goes on with those it has. */
  async reload(gateway: number, change: Partial<GatewaySettings>): Promise<void> {
    const settings = { ...this.#settings[gateway], ...change };
    await this.gateways[gateway].reload(this.#configs(settings));
    this.#settings[gateway] = settings;
  }

  /** Asks any gateway that takes it. */
  async post(path: string, body: unknown = {}): Promise<void> {
    await this.until(`POST ${path}`, async () => {
      for (const [i, gateway] of this.gateways.entries()) {
        if (!gateway.running || this.shunned.has(i)) continue;
        const response = await fetch(gateway.url + path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(1000),
        });
        if (response.status === 202) return true;
        if (response.status < 500)
          throw new Error(`${path} answered ${response.status} ${await response.text()}`);
      }
      return false;
    });
  }

  die(rank: number): void {
    this.agents[rank].model.die();
  }

  reportRank(rank: number, state: "lost" | "ready"): Promise<void> {
    const { incarnation } = this.agents[rank].model;
    return this.post("/ep/v1/ranks", { pool: POOL, rank, state, incarnation });
  }

  /** A new process in the place of one that nobody counts on any more, holding nothing. */
  async revive(rank: number): Promise<void> {
    this.agents[rank].model.start();
    this.knowsRestarted(rank);
    this.referee.revived(rank);
    await this.reportRank(rank, "ready");
  }

  /** What is published from now on must not count on what the rank held before its start. */
  knowsRestarted(rank: number): void {
    this.agents[rank].model.bornAt = Math.max(...this.referee.last.map((answer) => answer?.epoch ?? 0));
  }

  /** @throws Error when it does not come true in time */
  async until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
    const late = performance.now() + withinMs;
    for (;;) {
      try {
        if (await holds()) return;
      } catch (error) {
        if (performance.now() > late)
          throw new Error(`${what} did not come to be: ${(error as Error).message}`, { cause: error });
      }
      if (performance.now() > late) throw new Error(`${what} did not come to be within ${withinMs} ms`);
      await sleep(LOOK_MS);
    }
  }

  /** What every running gateway serves. */
  served(): readonly NonNullable<Referee["last"][number]>[] {
    return this.referee.last.filter(
      (answer, i) => answer !== null && this.gateways[i].running,
    ) as NonNullable<Referee["last"][number]>[];
  }

  async #may(rank: number, phase: "prepared" | "committed"): Promise<void> {
    for (;;) {
      const held = this.withheld.get(rank);
      if (held !== phase && held !== "all") return;
      await sleep(LOOK_MS);
    }
  }

  #drawn(): number[][] {
    const { model } = this.#shape;
    return Array.from({ length: model.moeLayers.length }, () => {
      const row = Array.from({ length: model.experts }, () => Math.exp(this.#rng.normal()));
      const sum = row.reduce((a, b) => a + b, 0);
      // Every layer routes the same tokens.
      return row.map((weight) => Math.round((weight * 100_000) / sum));
    });
  }
}
