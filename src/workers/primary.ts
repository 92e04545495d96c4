import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type Listening, compose } from "../compose.ts";
import type { Config } from "../config/config.ts";
import { InputError } from "../lib/errors.ts";
import { NOTHING_CAPTURED, sumCaptured } from "../serving/capture/capture-counts.ts";
import type { SourceReading } from "../model/source-reading.ts";
import type { WorkersUse } from "../model/workers-use.ts";
import { type EngineServer, serverInstance } from "../serving/engine.ts";
import type { ServerNews } from "../serving/health/server-news.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import { type GatewayBoard, SHARE_EVERY_MS as EXCHANGE_EVERY_MS } from "../serving/sharing/gateway-board.ts";
import { sumMoved } from "../serving/locality/moved.ts";
import { type ShardCounts, setOthers, sumCounts, sumUsage } from "../serving/sharing/shared-counts.ts";
import { LocalWorker } from "./local-worker.ts";
import { type Probe, SHARE_EVERY_MS, type WorkerMessage } from "./messages.ts";
import { receiveOutcomes } from "./receive-outcomes.ts";
import { WorkerLocalities } from "./worker-localities.ts";
import { WorkerFailed } from "./worker-failed.ts";
import { SOCKET_VARIABLE } from "./worker.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A worker that has run so long was well. */
const WELL_AFTER_MS = 10_000;
/** What a worker may need beyond the grace time to close. */
const CLOSING_MS = 2000;
const SALT_BYTES = 16;

/**
 * The process that starts the local workers. It watches the engines, plans, and answers operators; it sends each worker
 * what the others have in flight, and replaces one that dies.
 */
export class Primary {
  /** Of the process's own settings, those it was started with. */
  readonly #config: Config;
  /** What a new worker starts with. */
  #current: Config;
  readonly #onLine: (line: string) => void;
  readonly #sources: () => readonly SourceReading[];
  readonly #workers = new Set<LocalWorker>();
  /** The last of each server and question. */
  readonly #probes = new Map<string, Probe>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  /** The same prompts and names are the same in what each worker records. */
  readonly #captureSalt = randomBytes(SALT_BYTES);
  /** By workers that are gone. */
  #captured = NOTHING_CAPTURED;
  #cpuSeconds = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #app: App | null = null;
  #localities: WorkerLocalities | null = null;
  #folder = "";
  #listening = false;
  /** An exchange with the other gateways is under way. */
  #exchanging = false;
  #exchangedMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopping = false;

  /** @param onLine receives one line for a person @param sources what servers are found by */
  constructor(config: Config, onLine: (line: string) => void, sources: () => readonly SourceReading[]) {
    this.#config = config;
    this.#current = config;
    this.#onLine = onLine;
    this.#sources = sources;
  }

  /** Resolves when every worker listens. @throws WorkerFailed, and InputError where no file can be written for their socket */
  async start(): Promise<Listening> {
    this.#folder = await makeFolder();
    try {
      return await this.#begin();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #begin(): Promise<Listening> {
    const app = await compose(this.#config, {
      routing: null,
      recordTokens: 0,
      onFault: (fault) => this.#onLine(fault.message),
      onNotice: this.#onLine,
      sources: this.#sources,
      workers: () =>
        [...this.#workers].map(({ child, traffic }) => ({
          pid: child.process.pid ?? 0,
          inFlight: traffic?.inFlight ?? 0,
        })),
      workersUse: () => this.#use,
      captured: () => sumCaptured([this.#captured, ...[...this.#workers].map(({ captured }) => captured)]),
      healthListener: {
        news: (server, news) => this.#news(server, news),
        // It sends no requests itself.
        outcome: () => {},
      },
    });
    this.#app = app;
    this.#localities = new WorkerLocalities(app.localities, this.#workers);
    cluster.setupPrimary({ serialization: "advanced" });
    const admin = await app.startLocally(this.#socket);
    this.#timer = setInterval(() => this.#share(app), SHARE_EVERY_MS);
    // The first finds out whether the address can be had.
    const listening = await this.#startWorker();
    this.#listening = true;
    await Promise.all(Array.from({ length: this.#config.workers - 1 }, () => this.#startWorker()));
    return { ...listening, admin };
  }

  /**
   * As App.reload, in every process: in the workers once the new pools have a server here, where they are watched. A
   * worker that cannot reload is replaced by another.
   */
  async reload(config: Config): Promise<void> {
    const app = this.#app;
    if (app === null) return;
    await app.reload(config);
    this.#current = config;
    this.#forgetProbes(app);
    const all = [...this.#workers];
    const done = await Promise.all(all.map((worker) => worker.reload(config)));
    await Promise.all(all.filter((_, i) => !done[i]).map((worker) => this.#stopWorker(worker)));
  }

  /** Lets what is in flight finish for the grace time, then ends every worker. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    await Promise.all([...this.#workers].map((worker) => this.#stopWorker(worker)));
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#app?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #use(): WorkersUse {
    const uses = [...this.#workers].map(({ use }) => use);
    return {
      count: uses.length,
      cpuSeconds: uses.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, this.#cpuSeconds),
      residentBytes: uses.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    };
  }

  get #socket(): string {
    return join(this.#folder, "operator.sock");
  }

  /** Starts a worker; resolves when it listens. */
  #startWorker(): Promise<Listening> {
    const child = cluster.fork({ [SOCKET_VARIABLE]: this.#socket });
    const worker = new LocalWorker(child, performance.now());
    this.#workers.add(worker);
    worker.send({ kind: "begin", config: this.#current, captureSalt: this.#captureSalt });
    const listening = Promise.withResolvers<Listening>();
    child.on("message", (message: WorkerMessage) => {
      if (message.kind === "listening") {
        this.#sendProbes(worker);
        listening.resolve({ url: message.url, admin: null, picker: message.picker });
      } else if (message.kind === "reloaded") {
        this.#sendProbes(worker);
        worker.reloaded(message.done);
      } else if (message.kind === "refreshModels") {
        void this.#app?.refreshModels().then(() => worker.send({ kind: "modelsRefreshed" }));
      } else if (message.kind === "routed") {
        const pools = this.#app === null ? [] : servingOf(this.#app);
        pools.find(({ engine }) => engine.pool === message.pool)?.routedLoad?.add(message.tokens);
      } else if (message.kind === "locality") {
        this.#localities?.received(worker, message.share);
      } else if (message.kind === "use") {
        worker.use = message.use;
      } else {
        this.#app?.gateway().deck.meter.received(message.traffic, worker.traffic);
        worker.received(message);
      }
    });
    child.once("exit", (code, signal) => {
      this.#workers.delete(worker);
      this.#captured = sumCaptured([this.#captured, worker.captured]);
      this.#cpuSeconds += worker.use.cpuSeconds;
      worker.gone();
      this.#localities?.gone(worker);
      if (worker.traffic !== null) this.#app?.gateway().deck.meter.lost(worker.traffic);
      listening.reject(new WorkerFailed(code ?? 1));
      if (this.#listening && !this.#stopping) this.#replace(worker, signal ?? `code ${code}`);
    });
    return listening.promise;
  }

  #replace(worker: LocalWorker, how: string): void {
    if (performance.now() - worker.startedMs > WELL_AFTER_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#onLine(
      `worker ${worker.child.process.pid} is gone (${how}); another starts in ${this.#pauseMs} ms`,
    );
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      // One that cannot start is replaced as one that dies.
      this.#startWorker().catch(() => {});
    }, this.#pauseMs);
    this.#pauses.add(pause);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  async #stopWorker(worker: LocalWorker): Promise<void> {
    const { child } = worker;
    if (child.isDead()) return;
    const gone = once(child, "exit");
    worker.send({ kind: "stop" });
    const late = setTimeout(() => child.process.kill("SIGKILL"), this.#config.http.graceMs + CLOSING_MS);
    await gone;
    clearTimeout(late);
  }

  #news(server: EngineServer, news: ServerNews): void {
    const probe = { pool: server.shards[0].pool, server: serverInstance(server), news };
    const key = (kind: ServerNews["kind"]) => `${probe.pool}/${probe.server} ${kind}`;
    // A worker that starts later must see whether a server is only late or away.
    const away = news.kind === "silent" && news.nobodyThere;
    if (away || news.kind === "health") this.#probes.delete(key("silent"));
    this.#probes.set(key(away ? "health" : news.kind), probe);
    for (const worker of this.#workers) worker.send({ kind: "probe", probe });
  }

  /** Those of servers that a reload has removed. */
  #forgetProbes(app: App): void {
    const there = new Set(
      servingOf(app).flatMap(({ engine }) =>
        engine.servers.map((server) => `${engine.pool}/${serverInstance(server)}`),
      ),
    );
    for (const [key, { pool, server }] of this.#probes)
      if (!there.has(`${pool}/${server}`)) this.#probes.delete(key);
  }

  #sendProbes(worker: LocalWorker): void {
    for (const probe of this.#probes.values()) worker.send({ kind: "probe", probe });
  }

  /** Sends each worker what the others have in flight, and new epochs. */
  #share(app: App): void {
    const pools = servingOf(app);
    const all = [...this.#workers];
    const local = sumCounts(all.map(({ counts }) => counts));
    const begun = sumUsage(all.map(({ usage }) => usage));
    app.board?.report(begun, pools, local, sumMoved(all.map(({ moved }) => moved)));
    const remote = app.board?.takeUsage() ?? sumUsage([]);
    const remoteShards = app.board?.shardsOf(pools) ?? new Map<string, ShardCounts>();
    for (const worker of all) {
      const others = all.filter((other) => other !== worker);
      const shared = {
        admission: sumUsage([...others.map(({ usage }) => usage), remote]),
        shards: sumCounts([...others.map(({ counts }) => counts), remoteShards]),
        outcomes: others.flatMap(({ outcomes }) => outcomes),
        moved: sumMoved([...others.map(({ moved }) => moved), app.board?.moved ?? new Map()]),
      };
      worker.send({ kind: "others", shared });
      for (const { engine, snapshot } of pools) {
        if (snapshot === null || worker.epochs.get(engine.pool) === snapshot.epoch) continue;
        worker.epochs.set(engine.pool, snapshot.epoch);
        worker.send({ kind: "snapshot", snapshot });
      }
    }
    this.#localities?.sendGroups(performance.now());
    app.gateway().deck.admission.others(sumUsage([begun, remote]));
    setOthers(pools, sumCounts([local, remoteShards]));
    for (const { outcomes } of all) receiveOutcomes(pools, outcomes);
    for (const worker of all) worker.settle();
    if (app.board !== null) void this.#exchange(app.board);
  }

  /** Exchanges reports with the remote gateways, at their pace. */
  async #exchange(board: GatewayBoard): Promise<void> {
    if (this.#exchanging || performance.now() - this.#exchangedMs < EXCHANGE_EVERY_MS) return;
    this.#exchanging = true;
    await board.exchange();
    this.#exchangedMs = performance.now();
    this.#exchanging = false;
  }
}

function servingOf({ pools }: App): readonly ServingPool[] {
  return pools().flatMap(({ serving }) => serving);
}

/** Where the socket lies that operators' requests go through from the workers to this process. */
async function makeFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), "plimsoll-"));
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    const hint = `cannot be written to (${code}), and several workers have a socket there; set TMPDIR to a folder that can`;
    throw new InputError(tmpdir(), "", hint);
  }
}
