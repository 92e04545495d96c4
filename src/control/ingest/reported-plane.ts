import { expectedActivated } from "../../core/shares/expected-activated.ts";
import { gpuLoads } from "../../core/shares/gpu-loads.ts";
import { type ExpertLoad, emptyLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { ReportedLoads } from "../../model/pool-report.ts";
import type { ActivatedSlots, PoolWindow } from "../../model/pool-window.ts";
import { gpusInService } from "../../model/placement.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { ExpertPlane, UndatedExchange } from "../expert-plane.ts";
import type { ReportShape } from "../messages/report-shape.ts";
import type { LoadMessage } from "../messages/pool-message.ts";
import { CountedKind } from "./counted-kind.ts";
import { CountedSteps } from "./counted-steps.ts";
import { ReceivedWindows } from "./received-windows.ts";
import { WorkedOutExchange } from "./worked-out-exchange.ts";

/** Windows after which ranks that have not reported are taken not to report at all. */
const RANKS_COUNT_FOR = 60;

/** What a pool's engines run, and how they split an expert's tokens. */
interface ReportedGroup {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly dispatch: ConsumerDispatch;
}

/** The expert plane of a pool whose engines report by HTTP: they post loads, fetch placements and acknowledge them, at any gateway. */
export class ReportedPlane implements ExpertPlane {
  readonly pool: string;
  readonly shape: ReportShape;
  readonly #topk: number;
  readonly #kind = new CountedKind();
  /** Counted at the source since the last window. */
  #load: ExpertLoad;
  /** Reported time by the gateway it was reported to: side by side, not one after the other. */
  readonly #spanMs = new Map<string, number>();
  readonly #received: ReceivedWindows;
  readonly #steps = new CountedSteps();
  readonly #exchange: WorkedOutExchange;
  /** Whose counts came since the exchange was taken; null for nobody's. */
  #reports: "source" | "received" | "whole" | null = null;
  #loads: ReportedLoads | null = null;
  #snapshot: RoutingSnapshot | null = null;
  /** Windows since a rank has reported. */
  #unreported = RANKS_COUNT_FOR;

  constructor(pool: string, { model, topology, dispatch }: ReportedGroup) {
    this.pool = pool;
    this.shape = { layers: model.moeLayers.length, experts: model.experts, gpus: gpuCount(topology) };
    this.#topk = model.topk;
    this.#load = emptyLoad(this.shape.layers, this.shape.experts);
    this.#received = new ReceivedWindows(this.shape.layers, this.shape.experts);
    this.#exchange = new WorkedOutExchange(dispatch, topology);
  }

  /** While ranks report, what was estimated from answers is not counted on top of it. */
  receive(message: LoadMessage): void {
    const { from, spanMs, tokens, sampled, reported, received, sent } = message;
    for (const { rank, counted } of reported) this.#kind.vote(rank, counted);
    for (const counts of received) this.#received.receive(counts);
    if (received.length > 0) this.#unreported = 0;
    const into = this.#load.tokens;
    // Signs of life alone count nothing.
    if (tokens.length !== into.length || spanMs === 0) return;
    if (sampled && this.#unreported < RANKS_COUNT_FOR) return;
    if (!sampled) this.#unreported = 0;
    for (const row of sent) this.#exchange.receive(row);
    this.#steps.receive(message);
    this.#reports = this.#reports === "source" || reported.length > 0 ? "source" : "whole";
    for (let i = 0; i < into.length; i++) into[i] += tokens[i];
    this.#spanMs.set(from, (this.#spanMs.get(from) ?? 0) + spanMs);
  }

  /**
   * The window since the last call; of received counts, once it is whole. GPU loads are what the current shares make of
   * the reported counts, and zeros before the first snapshot. Steps, step times and hops are NaN: engines do not report
   * them.
   */
  async observe(): Promise<PoolWindow | null> {
    this.#unreported++;
    const kind = this.#kind.decide();
    // Without any rank, there are the counts of the whole pool, or of answers.
    if (kind === "received" && this.#kind.voted) this.#clearSource();
    if (kind === "source") this.#received.clear();
    return this.#receivedWindow() ?? this.#sourceWindow();
  }

  get loads(): ReportedLoads | null {
    return this.#loads;
  }

  commit(snapshot: RoutingSnapshot): void {
    this.#snapshot = snapshot;
    this.#received.place(snapshot.placement);
  }

  #receivedWindow(): PoolWindow | null {
    const window = this.#received.take();
    if (window === null) return null;
    const { spanMs, tokens, missing, implausible, implausibleLayers } = window;
    this.#reports ??= "received";
    const otherKind = this.#kind.minority;
    this.#loads = { counts: "received", otherKind, missing, implausible, implausibleLayers };
    const { layers, experts } = this.shape;
    return this.#windowOf({ layers, experts, tokens }, spanMs);
  }

  #sourceWindow(): PoolWindow | null {
    if (this.#spanMs.size === 0) return null;
    const load = this.#load;
    const spanMs = Math.max(...this.#spanMs.values());
    const otherKind = this.#kind.minority;
    this.#loads = { counts: "source", otherKind, missing: [], implausible: [], implausibleLayers: [] };
    const steps = this.#steps.take();
    this.#clearSource();
    return { ...this.#windowOf(load, spanMs), activated: this.#activated(load, steps) };
  }

  /** What the window's steps are expected to read; null where they are not known. */
  #activated(load: ExpertLoad, steps: number | null): ActivatedSlots | null {
    const snapshot = this.#snapshot;
    if (steps === null || snapshot === null) return null;
    const perGpu = expectedActivated(snapshot.placement, snapshot.shares.values, load, steps);
    return { perGpu, estimated: true };
  }

  takeExchange(): UndatedExchange | null {
    const reports = this.#reports;
    this.#reports = null;
    if (reports === null) return null;
    const counts = this.#loads?.counts === "received" ? "received" : reports;
    return this.#exchange.take(this.#snapshot?.placement ?? null, counts);
  }

  #clearSource(): void {
    if (this.#spanMs.size === 0) return;
    this.#load = emptyLoad(this.shape.layers, this.shape.experts);
    this.#spanMs.clear();
  }

  #windowOf(load: ExpertLoad, spanMs: number): PoolWindow {
    const { layers, gpus } = this.shape;
    const snapshot = this.#snapshot;
    const gpuLoad =
      snapshot === null
        ? new Float64Array(layers * gpus)
        : gpuLoads(snapshot.placement, snapshot.shares.values, load);
    const serving = snapshot === null ? [] : gpusInService(snapshot.placement);
    let sumMean = 0;
    let sumMax = 0;
    for (let row = 0; row < gpuLoad.length; row += gpus) {
      let max = 0;
      for (let gpu = 0; gpu < gpus; gpu++) {
        sumMean += gpuLoad[row + gpu] / serving.length;
        max = Math.max(max, gpuLoad[row + gpu]);
      }
      sumMax += max;
    }
    // Built in: the first call is as quick as the later ones.
    const selections = load.tokens.reduce((sum, tokens) => sum + tokens, 0);
    return {
      spanMs,
      steps: Number.NaN,
      tokens: selections / (layers * this.#topk),
      load,
      routing: null,
      gpuLoad,
      serving,
      sumMean,
      sumMax,
      hops: Number.NaN,
      nodeHops: Number.NaN,
      stepMs: Number.NaN,
      ranks: [],
    };
  }
}
