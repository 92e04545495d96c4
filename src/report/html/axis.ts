import { decimals } from "../../lib/number-text.ts";

/** From a value to a place on an axis. */
export interface Axis {
  /** 0 at its begin, 1 at its end; beyond them for what is off. */
  at(value: number): number;
  readonly ticks: readonly Tick[];
}

export interface Tick {
  /** 0..1 */
  readonly place: number;
  readonly label: string;
  /** May be missing where there is little room. */
  readonly minor: boolean;
}

/** An axis from 0, with ticks at round values: about `count` of them. @param high above 0 */
export function linearAxis(
  high: number,
  count: number,
  label: (value: number, step: number) => string,
): Axis {
  const step = roundStep(high / count);
  const at = (value: number) => value / high;
  const ticks: Tick[] = [];
  // Half a millionth of a step: what rounding may add.
  const last = Math.floor(high / step + 5e-7);
  for (let i = 0; i <= last; i++) {
    ticks.push({ place: at(i * step), label: label(i * step, step), minor: i % 2 === 1 });
  }
  return { at, ticks };
}

/** An axis on which each decade is as long as the next. @param low above 0, below `high` */
export function logAxis(low: number, high: number, label: (value: number) => string): Axis {
  const decades = Math.log10(high / low);
  const at = (value: number) => Math.log10(value / low) / decades;
  const ticks: Tick[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of decades > 3 ? [1] : [1, 2, 5]) {
      const value = digit * 10 ** power;
      const place = at(value);
      if (place < -1e-9 || place > 1 + 1e-9) continue;
      ticks.push({ place, label: label(value), minor: digit !== 1 && decades > 1 });
    }
  }
  return { at, ticks };
}

/** The least of 1, 2 and 5 times a power of ten that is no less. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((digit) => digit * power >= least * (1 - 1e-9)) ?? 10) * power;
}

/** A round value that is no less, for an axis that begins at 0. */
export function roundEnd(most: number, count: number): number {
  if (most <= 0) return 1;
  const step = roundStep(most / count);
  return Math.ceil(most / step - 1e-9) * step;
}

/** As many decimals as steps of that size have. */
export function stepText(value: number, step: number): string {
  const digits = Math.min(3, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) as 0 | 1 | 2 | 3;
  return decimals(value, digits);
}
