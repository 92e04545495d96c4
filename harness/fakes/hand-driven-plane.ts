import type { ExpertPlane } from "../../src/control/expert-plane.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import type { Placement } from "../../src/model/placement.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";

export interface Preparation {
  readonly placement: Placement;
  readonly epoch: number;
  readonly signal: AbortSignal;
  readonly done: () => void;
  readonly fail: (cause: Error) => void;
}

/** Ranks that report what the test gives them and get ready when the test says so. */
export class HandDrivenPlane implements ExpertPlane {
  readonly pool = "hand";
  readonly preparations: Preparation[] = [];
  readonly commits: RoutingSnapshot[] = [];
  /** What the next rounds observe: a window, nothing, or a failure. */
  observation: PoolWindow | null | Error = null;

  async observe(): Promise<PoolWindow | null> {
    if (this.observation instanceof Error) throw this.observation;
    return this.observation;
  }

  prepare(placement: Placement, epoch: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.preparations.push({ placement, epoch, signal, done: resolve, fail: reject });
    signal.addEventListener("abort", () => reject(signal.reason as Error));
    return promise;
  }

  commit(snapshot: RoutingSnapshot): void {
    this.commits.push(snapshot);
  }
}

/** A window of 100 ms in which tokens of `topk` choices each made this load; nothing else is filled in. */
export function windowOf(load: ExpertLoad, topk: number, gpus: number): PoolWindow {
  const selections = load.tokens.reduce((sum, tokens) => sum + tokens, 0);
  return {
    spanMs: 100,
    steps: 1,
    tokens: selections / load.layers / topk,
    load,
    routing: null,
    gpuLoad: new Float64Array(load.layers * gpus).fill(selections / load.layers / gpus),
    serving: [...Array(gpus).keys()],
    sumMean: selections / gpus,
    sumMax: (2 * selections) / gpus,
    hops: selections,
    nodeHops: selections / 2,
    stepMs: 3,
    ranks: [{ running: 1, waiting: 2, kvTokens: 10, kvCapacityTokens: 40 }],
  };
}
