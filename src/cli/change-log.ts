import type { Simulation, SimulationChange } from "../model/simulation.ts";

/** A change's effect is looked at after so long. */
export const EFFECT_AFTER_MS = 10_000;

/** How a run does at one time. Null as long as nothing was measured. */
export interface RunMoment {
  readonly elapsedMs: number;
  /** Medians of the latest requests. */
  readonly ttftMs: number | null;
  readonly balancedness: number | null;
}

type Figures = Omit<RunMoment, "elapsedMs">;

/** What was done to a pool, when, and how the run did just before and some time after; null where it ended first. */
export interface LoggedChange {
  readonly atMs: number;
  readonly change: SimulationChange;
  readonly before: Figures;
  readonly after: Figures | null;
}

/** Keeps what was done to a simulated pool during a run, with what came of it. */
export class ChangeLog {
  readonly #now: () => RunMoment;
  readonly #entries: LoggedChange[] = [];
  readonly close: () => void;

  constructor(simulation: Simulation, now: () => RunMoment) {
    this.#now = now;
    this.close = simulation.onChange((change) => {
      const { elapsedMs: atMs, ...before } = this.#now();
      this.#entries.push({ atMs, change, before, after: null });
    });
  }

  /** To be called again and again. */
  look(): void {
    const { elapsedMs, ...after } = this.#now();
    for (const [i, entry] of this.#entries.entries()) {
      if (entry.after === null && elapsedMs >= entry.atMs + EFFECT_AFTER_MS)
        this.#entries[i] = { ...entry, after };
    }
  }

  get entries(): readonly LoggedChange[] {
    return this.#entries;
  }
}
