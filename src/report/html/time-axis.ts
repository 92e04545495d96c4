import { decimals } from "../../lib/number-text.ts";
import { type Axis, type Tick, roundStep, stepText } from "./axis.ts";

/** Steps of a clock above a second, in seconds: a person reads no 20 000 s. */
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200];
const TICKS = 6;

/** From 0 to a run's end, in seconds, minutes or hours. */
export function timeAxis(untilMs: number): { readonly axis: Axis; readonly title: string } {
  const until = untilMs / 1000;
  const step =
    until < TICKS
      ? roundStep(until / TICKS)
      : (CLOCK_STEPS.find((each) => each * TICKS >= until) ?? 86_400 * Math.ceil(until / 86_400 / TICKS));
  const [unit, seconds] = until < 300 ? ["s", 1] : until < 18_000 ? ["min", 60] : ["h", 3600];
  const ticks: Tick[] = [];
  for (let i = 0; i * step <= until * (1 + 1e-9); i++) {
    const value = (i * step) / seconds;
    const label = seconds === 1 ? stepText(value, step) : decimals(value, Number.isInteger(value) ? 0 : 2);
    ticks.push({ place: (i * step) / until, label, minor: i % 2 === 1 });
  }
  return { axis: { at: (ms) => ms / untilMs, ticks }, title: `virtual time, ${unit}` };
}
