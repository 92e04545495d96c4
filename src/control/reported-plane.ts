import { gpuLoads } from "../core/shares/gpu-loads.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import { type MoeModel, moeLayers } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import type { ExpertPlane } from "./expert-plane.ts";
import type { LoadReport, ReportShape } from "./load-report.ts";

interface Rollout {
  readonly epoch: number;
  /** Ranks that have not said they hold the placement. */
  readonly waiting: Set<number>;
  readonly done: () => void;
}

/** The expert plane of a pool whose engines report by HTTP: they post loads, fetch placements and acknowledge them. */
export class ReportedPlane implements ExpertPlane {
  readonly pool: string;
  readonly shape: ReportShape;
  readonly #topk: number;
  #load: ExpertLoad;
  /** Reported time by rank; the whole pool's own reports count as one more. */
  readonly #spanMs = new Map<number | null, number>();
  #snapshot: RoutingSnapshot | null = null;
  #rollout: Rollout | null = null;

  constructor(pool: string, model: MoeModel, topology: Topology) {
    this.pool = pool;
    this.shape = { layers: moeLayers(model), experts: model.experts, gpus: gpuCount(topology) };
    this.#topk = model.topk;
    this.#load = emptyLoad(this.shape.layers, this.shape.experts);
  }

  /** Adds what an engine counted to the current window. */
  ingest(report: LoadReport): void {
    const into = this.#load.tokens;
    const from = report.load.tokens;
    for (let i = 0; i < into.length; i++) into[i] += from[i];
    this.#spanMs.set(report.rank, (this.#spanMs.get(report.rank) ?? 0) + report.windowMs);
  }

  /**
   * The window since the last call. GPU loads are what the current shares make of the reported counts, and zeros
   * before the first snapshot. Steps, step times and hops are NaN: engines do not report them.
   */
  async observe(): Promise<PoolWindow | null> {
    if (this.#spanMs.size === 0) return null;
    const load = this.#load;
    const { layers, experts, gpus } = this.shape;
    const snapshot = this.#snapshot;
    const gpuLoad =
      snapshot === null
        ? new Float64Array(layers * gpus)
        : gpuLoads(snapshot.placement, snapshot.shares.values, load);
    let sumMean = 0;
    let sumMax = 0;
    for (let row = 0; row < gpuLoad.length; row += gpus) {
      let max = 0;
      for (let gpu = 0; gpu < gpus; gpu++) {
        sumMean += gpuLoad[row + gpu] / gpus;
        max = Math.max(max, gpuLoad[row + gpu]);
      }
      sumMax += max;
    }
    // Built in: the first call is as quick as the later ones.
    const selections = load.tokens.reduce((sum, tokens) => sum + tokens, 0);
    const spanMs = Math.max(...this.#spanMs.values());
    this.#load = emptyLoad(layers, experts);
    this.#spanMs.clear();
    return {
      spanMs,
      steps: Number.NaN,
      tokens: selections / (layers * this.#topk),
      load,
      routing: null,
      gpuLoad,
      sumMean,
      sumMax,
      hops: Number.NaN,
      nodeHops: Number.NaN,
      stepMs: Number.NaN,
      ranks: [],
    };
  }

  /** Waits for every rank's acknowledgement of the epoch. */
  prepare(_placement: Placement, epoch: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const giveUp = () => {
        this.#rollout = null;
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      const done = () => {
        signal.removeEventListener("abort", giveUp);
        this.#rollout = null;
        resolve();
      };
      this.#rollout = {
        epoch,
        waiting: new Set(Array.from({ length: this.shape.gpus }, (_, rank) => rank)),
        done,
      };
    });
  }

  /**
   * A rank holds the weights of an epoch in preparation.
   * @returns the ranks still awaited; null when this epoch is not in preparation
   */
  acknowledge(epoch: number, rank: number): number | null {
    const rollout = this.#rollout;
    if (rollout === null || rollout.epoch !== epoch) return null;
    rollout.waiting.delete(rank);
    if (rollout.waiting.size === 0) rollout.done();
    return rollout.waiting.size;
  }

  commit(snapshot: RoutingSnapshot): void {
    this.#snapshot = snapshot;
  }
}
