import type { RatePoint } from "../../model/load-scenario.ts";

const SECOND = 1000;

/**
 * By when so many requests have come, on average; null where so many never come.
 * @param curve at least one point, the first at 0, their times ascending
 */
export function timeOnCurve(count: number, curve: readonly RatePoint[]): number | null {
  let rest = count;
  for (let i = 0; i + 1 < curve.length; i++) {
    const [from, to] = [curve[i], curve[i + 1]];
    const seconds = (to.atMs - from.atMs) / SECOND;
    const inside = ((from.rate + to.rate) / 2) * seconds;
    if (rest < inside) return from.atMs + SECOND * timeWithin(rest, from.rate, to.rate, seconds);
    rest -= inside;
  }
  const last = curve[curve.length - 1];
  return last.rate === 0 ? null : last.atMs + (rest / last.rate) * SECOND;
}

/** from·t + (to − from)·t² / 2·seconds = count, solved so that nothing cancels out. */
function timeWithin(count: number, from: number, to: number, seconds: number): number {
  if (count === 0) return 0;
  const slope = (to - from) / seconds;
  return (2 * count) / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * count)));
}
