import { type HardwarePart, twiceOf } from "./twice-of.ts";
import type { Layout } from "./layout.ts";
import { openCapacity } from "./open-capacity.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";

/** What may hold a unit back. */
export const LIMITS = ["reading weights", "reading caches", "compute", "network", "memory", "steps"] as const;
/** What may give way first beyond a load line. */
export const FIRST_LIMITS = ["first token", "between tokens", "room or time"] as const;

/** What a unit would carry more, in parts of what it carries, if there were twice of something: 0.3 is 30 % more. */
export interface BindingLimit {
  readonly name: (typeof LIMITS)[number];
  readonly gain: number;
  readonly gains: Readonly<Record<HardwarePart, number>>;
  /** What gives way first just beyond the load line. */
  readonly first: (typeof FIRST_LIMITS)[number];
  /** Of the first token's time there, at its percentile, what is the wait behind other prompts: 0..1. */
  readonly queue: number;
}

/** Gains below are within what arithmetic can tell. */
const LEAST_GAIN = 0.02;
const BEYOND_LINE = 1.02;

/** Which limit binds, by arithmetic: what twice of each thing would be worth. Where nothing is, it is the fixed time of steps. */
export function bindingLimit(layout: Layout, problem: PlanProblem): BindingLimit {
  const own = openCapacity(layout, problem);
  const gain = (of: HardwarePart) =>
    openCapacity(layout, problem, problem.target, twiceOf(layout.type.hardware, of)) / own - 1;
  const gains = {
    "reading weights": gain("reading weights"),
    "reading caches": gain("reading caches"),
    compute: gain("compute"),
    network: gain("network"),
    memory: gain("memory"),
  };
  const names = Object.keys(gains) as (keyof typeof gains)[];
  const most = names.reduce((a, b) => (gains[b] > gains[a] ? b : a));
  const bound = gains[most] >= LEAST_GAIN;
  const unit = new OpenUnit(layout, problem);
  const beyond = unit.at(own * BEYOND_LINE);
  const there = unit.at(own);
  const { ttftMs, itlMs } = problem.target;
  const first =
    beyond === null
      ? "room or time"
      : beyond.ttftMs / ttftMs >= beyond.itlMs / itlMs
        ? "first token"
        : "between tokens";
  return {
    name: bound ? most : "steps",
    gain: bound ? gains[most] : 0,
    gains,
    first,
    queue: there === null ? 0 : 1 - there.ttftAloneMs / there.ttftMs,
  };
}
