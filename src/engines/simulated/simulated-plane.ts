import type { ExpertPlane, RankSign, UndatedExchange } from "../../control/expert-plane.ts";
import type { BalanceBeside } from "../../model/balance-beside.ts";
import { type Placement, gpusInService } from "../../model/placement.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import type { Topology } from "../../model/topology.ts";
import { CountedExchange } from "./counted-exchange.ts";
import type { PoolThread } from "./pool-thread.ts";
import type { Observation } from "./protocol.ts";
import { RankStopped } from "./rank-stopped.ts";

/** The ranks of a simulated pool: what they report is counted from the dispatch of their tokens. */
export class SimulatedPlane implements ExpertPlane {
  readonly pool: string;
  readonly #thread: PoolThread;
  readonly #exchange: CountedExchange;
  #latest: Observation | null = null;

  constructor(pool: string, thread: PoolThread, topology: Topology) {
    this.#exchange = new CountedExchange(topology);
    this.pool = pool;
    this.#thread = thread;
  }

  /** What was observed last, with the simulation's lag. */
  get latest(): Observation | null {
    return this.#latest;
  }

  get lagMs(): number {
    return this.#latest?.lagMs ?? 0;
  }

  get beside(): BalanceBeside | null {
    return this.#latest?.beside ?? null;
  }

  async observe(): Promise<PoolWindow> {
    const observed = await this.#thread.ask<"observe">({ kind: "observe" });
    this.#exchange.add(observed.window);
    // Nobody who plans needs it.
    this.#latest = { ...observed, window: { ...observed.window, exchange: null } };
    return this.#latest.window;
  }

  takeExchange(): UndatedExchange | null {
    return this.#exchange.take();
  }

  signs(): readonly RankSign[] {
    return this.#thread.signs;
  }

  /** Takes as long as the weights would travel on the modelled hardware. */
  async prepare(placement: Placement, _epoch: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const given = Promise.withResolvers<never>();
    const abort = () => given.reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.#thread.ask<"prepare">({ kind: "prepare", placement }), given.promise]);
      const stopped = gpusInService(placement).find((rank) => this.#thread.isLost(rank));
      if (stopped !== undefined) throw new RankStopped(stopped);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  commit(snapshot: RoutingSnapshot): void {
    this.#thread.switchTo(snapshot);
  }
}
