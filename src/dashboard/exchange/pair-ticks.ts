import type { Tick } from "../grid/tick.ts";

/** Numbers along a side at most. */
const MOST = 10;

/** All of a few; else where a node begins, or every so many nodes. @param units along the side @param apart units of a node */
export function pairTicks(units: readonly number[], apart: number): Tick[] {
  let every = units.length <= MOST ? 1 : apart;
  while (units.length / every > MOST) every *= apart === 1 && every === 1 ? 5 : 2;
  return Array.from({ length: Math.ceil(units.length / every) }, (_, i) => ({
    at: i * every,
    number: units[i * every],
  }));
}
