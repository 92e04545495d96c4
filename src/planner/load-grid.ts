import type { Demand } from "./demand.ts";

/** Loads that are tried are powers of this: a load line is known to a tenth. */
const STEP = 1.1;
const NEXT_TO_NOTHING = 1e-9;

/** The loads that a unit is tried at, by powers: as many requests per second, or users, as `Demand.rate` counts. */
export interface LoadGrid {
  loadAt(power: number): number;
  /** The least power whose load is no less. */
  powerFor(load: number): number;
  /** Below that there is no load. */
  readonly lowest: number;
}

const RATES: LoadGrid = {
  loadAt: (power) => STEP ** power,
  powerFor: (load) => Math.ceil(Math.log(load) / Math.log(STEP) - NEXT_TO_NOTHING),
  lowest: Number.NEGATIVE_INFINITY,
};

/** Users are whole: a power stands for as many as it has room for. */
const USERS: LoadGrid = {
  loadAt: (power) => Math.floor(STEP ** power + NEXT_TO_NOTHING),
  powerFor: (load) => Math.max(0, RATES.powerFor(Math.ceil(load - NEXT_TO_NOTHING))),
  lowest: 0,
};

/** The loads that are tried of a demand: rates, or numbers of users. */
export function gridOf({ arrivals }: Demand): LoadGrid {
  return arrivals.kind === "users" ? USERS : RATES;
}
