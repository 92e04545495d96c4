import { decimals } from "../../lib/number-text.ts";
import { type Axis, type Tick, roundStep, stepText } from "./axis.ts";

/** Steps of a clock above a second, in seconds: a person reads no 20 000 s. */
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200];
const TICKS = 6;

/** Units, and up to which length of a run, in seconds. */
const UNITS: readonly (readonly [until: number, name: string, seconds: number])[] = [
  [2, "ms", 0.001],
  [300, "s", 1],
  [18_000, "min", 60],
  [Number.POSITIVE_INFINITY, "h", 3600],
];

/** From 0 to a run's end, in a unit that suits its length. */
export function timeAxis(untilMs: number): { readonly axis: Axis; readonly title: string } {
  const until = untilMs / 1000;
  const step =
    until < TICKS
      ? roundStep(until / TICKS)
      : (CLOCK_STEPS.find((each) => each * TICKS >= until) ?? 86_400 * Math.ceil(until / 86_400 / TICKS));
  const [, unit, seconds] = UNITS.find(([most]) => until < most) ?? UNITS[1];
  const ticks: Tick[] = [];
  for (let i = 0; i * step <= until * (1 + 1e-9); i++) {
    const value = (i * step) / seconds;
    const label =
      seconds <= 1 ? stepText(value, step / seconds) : decimals(value, Number.isInteger(value) ? 0 : 2);
    ticks.push({ place: (i * step) / until, label, minor: i % 2 === 1 });
  }
  return { axis: { at: (ms) => ms / untilMs, ticks }, title: `virtual time, ${unit}` };
}
