import type {
  Simulation,
  SimulationChange,
  SimulationState,
  SteeredTraffic,
} from "../../model/simulation.ts";
import type { PoolThread } from "./pool-thread.ts";

/** What can be done to a pool's thread, and what has been done. */
export class LiveSimulation implements Simulation {
  readonly #thread: PoolThread;
  readonly #listeners = new Set<(change: SimulationChange) => void>();
  #traffic: SteeredTraffic | null = null;
  #shifts = 0;

  constructor(thread: PoolThread) {
    this.#thread = thread;
  }

  get state(): SimulationState {
    const { lost, slow } = this.#thread;
    return { traffic: this.#traffic?.state ?? null, shifts: this.#shifts, lost, slow };
  }

  /** This process makes traffic for the pool from now on. */
  beginTraffic(traffic: SteeredTraffic): void {
    this.#traffic = traffic;
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
      case "pause":
      case "go-on":
      case "again":
      case "speed":
      case "jump":
        return this.#traffic?.change(change) ?? false;
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
