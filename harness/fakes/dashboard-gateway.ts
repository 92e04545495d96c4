import { readFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { json as asJson } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { gpuCosts } from "../../src/control/lead/gpu-costs.ts";
import { EventStream } from "../../src/http/event-stream.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { BalanceBeside } from "../../src/model/balance-beside.ts";
import type { DecisionRecord } from "../../src/model/decision-record.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import type { PoolState } from "../../src/model/pool-state.ts";
import type { SimulationState } from "../../src/model/simulation.ts";
import { madeUpBlock, madeUpExchange } from "./made-up-exchange.ts";
import { madeUpHistory } from "./made-up-history.ts";
import type { MadeUpPast } from "./made-up-past.ts";
import type { MadeUpPool } from "./made-up-pool.ts";
import { madeUpRoom } from "./made-up-room.ts";
import { madeUpServers } from "./made-up-servers.ts";

const BUILT = fileURLToPath(new URL("../../dist/dashboard", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** What is done to the pool. */
const SIMULATION: SimulationState = {
  traffic: {
    name: "made-up.csv",
    factor: 1,
    most: 2,
    paused: false,
    trace: { atMs: 60_000, lengthMs: 600_000, speed: 1 },
  },
  shifts: 0,
  lost: [],
  slow: [],
};

/** Serves the built dashboard, with the events and placements of a pool that is made up, at any size and pace. */
export class DashboardGateway implements AsyncDisposable {
  readonly #pool: MadeUpPool;
  readonly #built: string;
  readonly #rng: Rng;
  readonly #events = new EventStream();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #map: number[][];
  /** Milliseconds since 1970: of the last report. */
  #atMs = 1_700_000_000_000;
  state: Partial<PoolState> = {};
  /** What is asked of its room gets no answer; and what was asked until the asker left. */
  thinks = false;
  readonly givenUp: string[] = [];
  /** All questions about its room. */
  readonly asked: unknown[] = [];
  /** What is known of its last hour; null where its history has no answer. */
  past: MadeUpPast | null = null;
  decisions: readonly DecisionRecord[] = [];
  /** Another way of balancing on the same tokens; null where none is run. */
  beside: BalanceBeside | null = null;
  /** It tracks the experts of no pool. */
  routesOnly = false;
  /** How often who sends to whom was asked for. */
  exchangesAsked = 0;

  /** @param built the folder of the page, as `npm run build:dashboard` leaves it */
  constructor(pool: MadeUpPool, { built = BUILT, seed = 1 }: { built?: string; seed?: number } = {}) {
    this.#pool = pool;
    this.#built = built;
    this.#rng = new Rng(seed);
    const { nodes, gpusPerNode, slotsPerGpu, layers, experts } = pool;
    const slots = nodes * gpusPerNode * slotsPerGpu;
    this.#map = Array.from({ length: layers }, () =>
      Array.from({ length: slots }, (_, slot) => slot % experts),
    );
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Milliseconds since 1970, by its clock. */
  get nowMs(): number {
    return this.#atMs;
  }

  /** Bytes that readers have not taken. */
  get unread(): number {
    return this.#events.unread;
  }

  /** Whoever reads now is cut off. */
  cut(): void {
    this.#events.close();
  }

  /** Who reads its events. */
  get readers(): number {
    return this.#events.readers;
  }

  /** A report of the next second. @param like an earlier one, whose loads it has; by itself they are drawn */
  report(like?: PoolReport): PoolReport {
    this.#atMs += 1000;
    const report = like === undefined ? this.#report() : { ...like, atMs: this.#atMs };
    this.#events.send("report", report);
    return report;
  }

  /** What it measured in the second that is over. */
  traffic(): void {
    const percentiles = () => {
      const p50 = 100 * Math.exp(0.1 * this.#rng.normal());
      return { p50, p95: 2 * p50, p99: 3 * p50 };
    };
    const requests = { inFlight: 500, requests: 10_000, failed: 3, requestsPerSecond: 40 };
    const latencies = { framesPerSecond: 9000, ttftMs: percentiles(), itlMs: percentiles() };
    this.#events.send("traffic", { atMs: this.#atMs, ...requests, ...latencies });
  }

  /** A reload has removed its pool. */
  remove(): void {
    this.#events.send("gone", { pool: this.#pool.pool });
  }

  /** Something new is decided, or is another stage further. */
  decide(decision: DecisionRecord): void {
    this.#events.send("decisions", { pool: this.#pool.pool, decisions: [decision] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "/" } = request;
    const { pathname, searchParams } = new URL(url, "http://made-up");
    if (pathname === "/ep/v1/events")
      return this.#events.join(response, "history", JSON.stringify(this.#history()), true);
    if (pathname.startsWith("/ep/v1/placement/")) return json(response, this.#placement());
    if (pathname.startsWith("/ep/v1/shares/")) return json(response, this.#shares());
    if (pathname === "/admin/state") return json(response, madeUpServers(this.#pool));
    if (pathname.endsWith("/simulation")) return json(response, {});
    if (pathname.startsWith("/ep/v1/history/")) return json(response, this.#past(pathname, searchParams));
    if (pathname.startsWith("/ep/v1/changes/")) return json(response, this.#changes());
    if (pathname.startsWith("/ep/v1/forecast/"))
      return json(response, {
        pool: this.#pool.pool,
        decision: 1,
        atMs: this.#atMs,
        load: this.#report().expertLoad,
      });
    if (pathname.startsWith("/ep/v1/exchange/")) {
      this.exchangesAsked++;
      const exchange = madeUpExchange(this.#pool, this.#atMs);
      const block = madeUpBlock(this.#pool, this.#atMs, searchParams);
      return json(response, { pool: this.#pool.pool, exchange, block });
    }
    if (pathname.startsWith("/ep/v1/what-if/")) return this.#whatIf(request, response);
    const path = pathname === "/" ? "/index.html" : pathname;
    const bytes = await readFile(`${this.#built}${path}`).catch(() => null);
    response.writeHead(bytes === null ? 404 : 200, { "content-type": TYPES[extname(path)] ?? "text/plain" });
    response.end(bytes);
  }

  #past(path: string, query: URLSearchParams): object {
    if (this.past !== null) return this.past.answer(path, query);
    return path.endsWith("/gpus") ? { rows: [] } : madeUpHistory(query, this.#atMs);
  }

  async #whatIf(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = (await asJson(request)) as { readonly what: string };
    const { what } = asked;
    this.asked.push(asked);
    if (!this.thinks) return json(response, madeUpRoom(what, this.#pool));
    response.once("close", () => this.givenUp.push(what));
  }

  #history(): unknown {
    const { pool } = this.#pool;
    const head = {
      atMs: this.#atMs,
      gateway: { gateway: "made-up", store: { name: "memory", fault: null } },
    };
    const nothing = { epochs: [], reports: [], latest: [], states: [], decisions: [], simulations: [] };
    if (this.routesOnly) return { ...head, ...nothing };
    const report = this.#report();
    return {
      ...head,
      epochs: [],
      reports: [report],
      latest: [report],
      states: [this.#state()],
      decisions: [{ pool, decisions: this.decisions }],
      simulations: [{ pool, ...SIMULATION }],
    };
  }

  #state(): PoolState {
    const { pool, nodes, gpusPerNode } = this.#pool;
    return {
      pool,
      ranks: nodes * gpusPerNode,
      lost: [],
      draining: [],
      drained: [],
      missing: [],
      leader: { gateway: "made-up", sinceMs: this.#atMs },
      rollout: null,
      paused: false,
      loadLine: 1.25,
      engine: null,
      ...this.state,
    };
  }

  #report(): PoolReport {
    const { pool, nodes, gpusPerNode, slotsPerGpu, layers, experts } = this.#pool;
    const gpus = nodes * gpusPerNode;
    const drawn = (spread: number) => Math.exp(spread * this.#rng.normal());
    const gpuLoad = Float64Array.from({ length: layers * gpus }, () => 100 * drawn(0.1));
    const { peaks, holds, layerBalancedness } = gpuCosts(gpuLoad, gpus, [...Array(gpus).keys()]);
    return {
      pool,
      model: "made-up",
      atMs: this.#atMs,
      topology: { nodes, gpusPerNode, slotsPerGpu },
      epoch: 1,
      layers,
      layerNumbers: Array.from({ length: layers }, (_, i) => i + 3),
      experts,
      topk: 8,
      tokensPerSecond: 100_000,
      balancedness: 1 / (1 + holds.reduce((sum, one) => sum + one, 0)),
      nodeHopsPerToken: 3,
      hopsPerToken: 7,
      stepMs: 50,
      expertLoad: Array.from({ length: layers }, () =>
        Array.from({ length: experts }, () => Math.round(100 * drawn(0.8)) / 100),
      ),
      gpuLoad: Array.from({ length: gpus }, () => Math.round(1000 * drawn(0.05)) / 1000),
      gpuPeak: peaks,
      gpuHolds: holds,
      activated: {
        perGpu: Array.from({ length: gpus }, () => Math.min(slotsPerGpu, slotsPerGpu * 0.8 * drawn(0.1))),
        estimated: false,
      },
      layerBalancedness,
      placedAtMs: null,
      ranks: Array.from({ length: gpus }, () => ({ running: 16, waiting: 2, kvUse: 0.5 })),
      movedSlots: 0,
      decision: "forecast balancedness 0.943 → 0.970 by shares",
      explanation: null,
      lagMs: null,
      loads: null,
      beside: this.beside,
    };
  }

  #placement(): unknown {
    const { pool, nodes, gpusPerNode, slotsPerGpu } = this.#pool;
    const topology = { nodes, gpusPerNode, slotsPerGpu };
    return { pool, epoch: 1, state: "published", topology, physical_to_logical_map: this.#map };
  }

  /** One slot in twenty got another expert; of the last GPU, all are empty. */
  #changes(): unknown {
    const { layers, experts, nodes, gpusPerNode, slotsPerGpu } = this.#pool;
    const slots: number[][] = [];
    const touched: number[][] = [];
    for (const [row, held] of this.#map.entries()) {
      const seen = new Set<number>();
      for (const [slot, before] of held.entries()) {
        const lost = slot >= held.length - slotsPerGpu;
        if (!lost && this.#rng.uniform() > 0.05) continue;
        const after = lost ? -1 : (before * 7 + row + 1) % experts;
        if (after === before) continue;
        slots.push([row, slot, before, after, lost ? 0 : 1]);
        for (const expert of [before, after]) if (expert >= 0) seen.add(expert);
      }
      const load = new Map([...seen].map((expert) => [expert, Math.exp(0.8 * this.#rng.normal())]));
      const order = [...seen].toSorted((one, other) => (load.get(other) ?? 0) - (load.get(one) ?? 0));
      for (const expert of [...seen].toSorted((one, other) => one - other)) {
        const replicas = held.filter((one) => one === expert).length;
        touched.push([row, expert, replicas, load.get(expert) ?? 0, 1 + order.indexOf(expert)]);
      }
    }
    return {
      pool: this.#pool.pool,
      decision: 1,
      epochBefore: 7,
      epochAfter: 36,
      layers,
      experts,
      topology: { nodes, gpusPerNode, slotsPerGpu },
      expertBytes: 44_040_192,
      slots,
      touched,
    };
  }

  #shares(): unknown {
    const slots = this.#map[0];
    const replicas = (expert: number) => slots.filter((one) => one === expert).length;
    const row = slots.map((expert) => 1 / replicas(expert));
    return { pool: this.#pool.pool, epoch: 1, shares: this.#map.map(() => row) };
  }
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
