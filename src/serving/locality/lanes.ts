import type { LocalitySettings } from "../../model/model-settings.ts";
import { type Arm, type Period, armOfUnit, periodAt, unitOf } from "../../routing/locality/arms.ts";
import type { RequestFacts } from "../request/request-facts.ts";

const MS_PER_MINUTE = 60_000;

/** By what one request is routed, and what it counts for. */
export interface Lane {
  readonly arm: Arm;
  /** Of the comparison of times; null where it does not count. */
  readonly unit: number | null;
  readonly series: number | null;
  readonly acts: boolean;
  /** Whether it is asked where its like are. */
  readonly asks: boolean;
}

const SHADOW: Lane = { arm: "control", unit: null, series: 0, acts: false, asks: true };

/** Divides the requests of a model into those that go by their experts and those that do not: the same in every process. */
export class Lanes {
  settings: LocalitySettings;
  readonly #seed: number;
  readonly #wallClock: () => number;
  /** Of requests that say nobody's name. */
  #nobody = 0;

  /** @param seed of the division @param wallClock milliseconds since 1970 */
  constructor(settings: LocalitySettings, seed: number, wallClock: () => number) {
    this.settings = settings;
    this.#seed = seed;
    this.#wallClock = wallClock;
  }

  of({ affinityKey }: RequestFacts): Lane {
    const { mode, percent } = this.settings;
    if (mode === "shadow") return SHADOW;
    const { period } = this;
    if (period !== null) {
      const { arm, number, counts } = period;
      const unit = counts ? number : null;
      return { arm, unit, series: unit, acts: arm === "locality", asks: arm === "locality" };
    }
    const unit = unitOf(affinityKey === 0 ? this.#nobody++ : affinityKey, this.#seed);
    const arm = armOfUnit(unit, percent);
    return { arm, unit, series: 0, acts: arm === "locality", asks: arm === "locality" };
  }

  /** Of a switchback, by the time of day: the same at every gateway; null without. */
  get period(): Period | null {
    const { mode, switchbackMinutes } = this.settings;
    if (mode === "shadow" || switchbackMinutes === null) return null;
    return periodAt(this.#wallClock(), switchbackMinutes * MS_PER_MINUTE, this.#seed);
  }
}
