import type { OwnTraffic, Simulation, SimulationChange, SimulationState } from "../../model/simulation.ts";
import type { PoolThread } from "./pool-thread.ts";

/** What can be done to a pool's thread, and what has been done. */
export class LiveSimulation implements Simulation {
  readonly #thread: PoolThread;
  readonly #listeners = new Set<(change: SimulationChange) => void>();
  #traffic: OwnTraffic | null = null;
  #shifts = 0;

  constructor(thread: PoolThread) {
    this.#thread = thread;
  }

  get state(): SimulationState {
    return { traffic: this.#traffic, shifts: this.#shifts, lost: this.#thread.lost, slow: this.#thread.slow };
  }

  /**
   * This process makes traffic for the pool from now on.
   * @param most parts of that traffic that it can make, ≥ 1
   * @returns how many parts it is to make, at any time
   */
  beginTraffic(most: number): () => number {
    this.#traffic = { factor: 1, most };
    return () => this.#traffic?.factor ?? 1;
  }

  change(change: SimulationChange): void {
    if (!this.#carryOut(change)) return;
    for (const listener of this.#listeners) listener(change);
  }

  onChange(listener: (change: SimulationChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @returns whether it is news */
  #carryOut(change: SimulationChange): boolean {
    switch (change.kind) {
      case "traffic":
        if (this.#traffic === null || this.#traffic.factor === change.factor) return false;
        this.#traffic = { ...this.#traffic, factor: change.factor };
        return true;
      case "shift":
        this.#shifts++;
        this.#thread.shift();
        return true;
      case "stop":
        return this.#thread.stop(change.rank);
      case "slow":
        return this.#thread.slowDown(change.rank, change.factor);
      case "lose":
        return this.#thread.lose(change.rank);
      case "restore":
        return this.#thread.restore(change.rank);
    }
  }
}
