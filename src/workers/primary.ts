import cluster from "node:cluster";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, compose } from "../compose.ts";
import type { Config } from "../config/config.ts";
import type { EngineServer } from "../serving/engine.ts";
import type { ServerNews } from "../serving/health/server-news.ts";
import { type GatewayBoard, SHARE_EVERY_MS } from "../serving/sharing/gateway-board.ts";
import { type ShardCounts, SharedCounts, sumCounts, sumUsage } from "../serving/sharing/shared-counts.ts";
import { Colleague } from "./colleague.ts";
import { type Probe, TELL_EVERY_MS, type WorkerMessage } from "./messages.ts";
import { hearOutcomes } from "./hear-outcomes.ts";
import { WorkerFailed } from "./worker-failed.ts";
import { SOCKET_VARIABLE } from "./worker.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A worker that has lived so long was well. */
const WELL_AFTER_MS = 10_000;
/** What a worker may need beyond the grace time to close. */
const CLOSING_MS = 2000;

/**
 * The process that workers serve for. It watches the engines, plans, and answers operators; it tells the workers what
 * the others have in flight, and replaces one that dies.
 */
export class Primary {
  /** What belongs to the processes, as they were started by. */
  readonly #config: Config;
  /** What a new worker begins by. */
  #current: Config;
  readonly #onLine: (line: string) => void;
  readonly #colleagues = new Set<Colleague>();
  readonly #counts = new SharedCounts();
  /** The last of each server and question. */
  readonly #probes = new Map<string, Probe>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  #pauseMs = FIRST_PAUSE_MS;
  #app: App | null = null;
  #folder = "";
  #listening = false;
  /** The other gateways are being told. */
  #exchanging = false;
  #exchangedMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopping = false;

  /** @param onLine hears one line for a person */
  constructor(config: Config, onLine: (line: string) => void) {
    this.#config = config;
    this.#current = config;
    this.#onLine = onLine;
  }

  /** Resolves when every worker listens. @throws WorkerFailed */
  async start(): Promise<{ readonly url: string }> {
    const app = await compose(this.#config, {
      routing: null,
      recordTokens: 0,
      onFault: (fault) => this.#onLine(fault.message),
      onNotice: this.#onLine,
      workers: () =>
        [...this.#colleagues].map(({ worker, traffic }) => ({
          pid: worker.process.pid ?? 0,
          inFlight: traffic?.inFlight ?? 0,
        })),
      healthListener: {
        news: (server, news) => this.#news(server, news),
        // It sends no requests itself.
        outcome: () => {},
      },
    });
    this.#app = app;
    this.#folder = await mkdtemp(join(tmpdir(), "plimsoll-"));
    await app.startLocally(this.#socket);
    cluster.setupPrimary({ serialization: "advanced" });
    this.#timer = setInterval(() => this.#share(app), TELL_EVERY_MS);
    try {
      // The first finds out whether the address can be had.
      const { url } = await this.#hire();
      this.#listening = true;
      await Promise.all(Array.from({ length: this.#config.workers - 1 }, () => this.#hire()));
      return { url };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** As App.reload, in every process: in the workers once the new pools have a server here, where they are watched. */
  async reload(config: Config): Promise<void> {
    const app = this.#app;
    if (app === null) return;
    const before = app.pools.flatMap(({ serving }) => serving);
    await app.reload(config);
    this.#current = config;
    const after = app.pools.flatMap(({ serving }) => serving);
    this.#counts.forget(before, after);
    for (const colleague of this.#colleagues) colleague.tell({ kind: "reload", config });
  }

  /** Lets what is in flight finish for the grace time, then ends every worker. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    await Promise.all([...this.#colleagues].map((colleague) => this.#dismiss(colleague)));
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#app?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #socket(): string {
    return join(this.#folder, "operator.sock");
  }

  /** Starts a worker; resolves when it listens. */
  #hire(): Promise<{ readonly url: string }> {
    const worker = cluster.fork({ [SOCKET_VARIABLE]: this.#socket });
    const colleague = new Colleague(worker, performance.now());
    this.#colleagues.add(colleague);
    colleague.tell({ kind: "reload", config: this.#current });
    const listening = Promise.withResolvers<{ readonly url: string }>();
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "listening") {
        this.#tellProbes(colleague);
        listening.resolve({ url: message.url });
      } else if (message.kind === "reloaded") {
        this.#tellProbes(colleague);
      } else if (message.kind === "refreshModels") {
        void this.#app?.refreshModels().then(() => colleague.tell({ kind: "modelsRefreshed" }));
      } else if (message.kind === "routed") {
        const pools = this.#app?.pools.flatMap(({ serving }) => serving) ?? [];
        pools.find(({ engine }) => engine.pool === message.pool)?.routedLoad?.add(message.tokens);
      } else {
        this.#app?.gateway().deck.meter.heard(message.traffic, colleague.traffic);
        colleague.heard(message);
      }
    });
    worker.once("exit", (code, signal) => {
      this.#colleagues.delete(colleague);
      if (colleague.traffic !== null) this.#app?.gateway().deck.meter.lost(colleague.traffic);
      listening.reject(new WorkerFailed(code ?? 1));
      if (this.#listening && !this.#stopping) this.#replace(colleague, signal ?? `code ${code}`);
    });
    return listening.promise;
  }

  #replace(colleague: Colleague, how: string): void {
    if (performance.now() - colleague.bornMs > WELL_AFTER_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#onLine(
      `worker ${colleague.worker.process.pid} is gone (${how}); another comes in ${this.#pauseMs} ms`,
    );
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      // One that cannot start is replaced as one that dies.
      this.#hire().catch(() => {});
    }, this.#pauseMs);
    this.#pauses.add(pause);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  async #dismiss(colleague: Colleague): Promise<void> {
    const { worker } = colleague;
    if (worker.isDead()) return;
    const gone = once(worker, "exit");
    colleague.tell({ kind: "stop" });
    const late = setTimeout(() => worker.process.kill("SIGKILL"), this.#config.http.graceMs + CLOSING_MS);
    await gone;
    clearTimeout(late);
  }

  #news(server: EngineServer, news: ServerNews): void {
    const probe = { pool: server.shards[0].pool, server: server.name, news };
    const key = (kind: ServerNews["kind"]) => `${probe.pool}/${probe.server} ${kind}`;
    // A worker that comes later must be able to tell a server that is late from one that is away.
    const away = news.kind === "silent" && news.nobodyThere;
    if (away || news.kind === "health") this.#probes.delete(key("silent"));
    this.#probes.set(key(away ? "health" : news.kind), probe);
    for (const colleague of this.#colleagues) colleague.tell({ kind: "probe", probe });
  }

  #tellProbes(colleague: Colleague): void {
    for (const probe of this.#probes.values()) colleague.tell({ kind: "probe", probe });
  }

  /** Tells everyone what the others have, and new epochs. */
  #share(app: App): void {
    const pools = app.pools.flatMap(({ serving }) => serving);
    const all = [...this.#colleagues];
    const family = sumCounts(all.map(({ counts }) => counts));
    const begun = sumUsage(all.map(({ usage }) => usage));
    app.board?.tell(begun, pools, family);
    const abroad = app.board?.takeUsage() ?? sumUsage([]);
    const shardsAbroad = app.board?.shardsOf(pools) ?? new Map<string, ShardCounts>();
    for (const colleague of all) {
      const others = all.filter((other) => other !== colleague);
      const shared = {
        admission: sumUsage([...others.map(({ usage }) => usage), abroad]),
        shards: sumCounts([...others.map(({ counts }) => counts), shardsAbroad]),
        outcomes: others.flatMap(({ outcomes }) => outcomes),
      };
      colleague.tell({ kind: "others", shared });
      for (const { engine, snapshot } of pools) {
        if (snapshot === null || colleague.epochs.get(engine.pool) === snapshot.epoch) continue;
        colleague.epochs.set(engine.pool, snapshot.epoch);
        colleague.tell({ kind: "snapshot", snapshot });
      }
    }
    app.gateway().deck.admission.others(sumUsage([begun, abroad]));
    this.#counts.others(pools, sumCounts([family, shardsAbroad]));
    for (const { outcomes } of all) hearOutcomes(pools, outcomes);
    for (const colleague of all) colleague.settle();
    if (app.board !== null) void this.#exchange(app.board);
  }

  /** Tells the other gateways, and hears them, at their pace. */
  async #exchange(board: GatewayBoard): Promise<void> {
    if (this.#exchanging || performance.now() - this.#exchangedMs < SHARE_EVERY_MS) return;
    this.#exchanging = true;
    await board.exchange();
    this.#exchangedMs = performance.now();
    this.#exchanging = false;
  }
}
