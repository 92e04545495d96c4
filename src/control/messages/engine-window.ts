import { type Shape, flag, list, nullOr, number, record, text, whole } from "../../lib/shape.ts";

/** What one report of a pool's counts says of the engine's own load balancing, as its leader needs it. */
export interface EngineWindow {
  readonly name: string;
  readonly step: number;
  readonly rebalances: number;
  readonly rebalanceEvery: number;
  readonly dispatch: string;
  readonly balancedness: number | null;
  readonly windowMs: number;
  /** Equal for equal counts. */
  readonly counts: string;
  /** Whether no token was counted. */
  readonly empty: boolean;
  /** How many ranks it speaks of. */
  readonly ranks: number;
  /** Ranks with another map than most, ascending. */
  readonly otherMap: readonly number[];
  /** Ranks with another table than they should have, ascending. */
  readonly otherTable: readonly number[];
}

/** In JSON. What dispatch there is, a later version may know more of. */
export const engineWindow: Shape<EngineWindow> = record<EngineWindow>({
  name: text,
  step: whole(),
  rebalances: whole(),
  rebalanceEvery: whole(),
  dispatch: text,
  balancedness: nullOr(number(0, 1)),
  windowMs: number(0),
  counts: text,
  empty: flag,
  ranks: whole(),
  otherMap: list(whole()),
  otherTable: list(whole()),
});
