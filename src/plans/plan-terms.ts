import { decimals } from "../lib/number-text.ts";
import type { ServiceTarget } from "../planner/service-target.ts";
import type { BindingLimit } from "../planner/binding-limit.ts";

/** `TTFT p95`, `ITL p50`, as they are asked for. */
export function targetNames({ ttftPercentile, itlPercentile }: ServiceTarget) {
  return { ttft: `TTFT p${ttftPercentile}`, itl: `ITL p${itlPercentile}` };
}

/** A unit's pools. @param prefill null where the same GPUs do both */
export function poolsText(prefill: string | null, decode: string): string {
  return prefill === null
    ? `${decode}, prompts and answers together`
    : `a pool for prompts (${prefill}) beside one for answers (${decode})`;
}

/** What there would be twice of. */
const TWICE: Readonly<Record<BindingLimit["name"], string>> = {
  "reading weights": "as fast it",
  "reading caches": "as fast it",
  compute: "of it",
  network: "of it",
  memory: "of it",
  steps: "as fast they",
};

/** What binds, by arithmetic. */
export function boundText({ name, gain }: Pick<BindingLimit, "name" | "gain">): string {
  return name === "steps"
    ? "the fixed time of steps: twice of anything else is worth less than 2 %"
    : `${name}: twice ${TWICE[name]} would carry ${decimals(100 * gain, 0)} % more`;
}

/** What gives way first, and what binds. */
export function limitText(limit: Pick<BindingLimit, "name" | "gain" | "first" | "queue">): string {
  const { first, queue } = limit;
  const way =
    first === "room or time"
      ? "room or time for more"
      : `the time ${first === "first token" ? "to the first token" : "between tokens"}`;
  const waits =
    first === "first token"
      ? `, of which ${decimals(100 * queue, 0)} % is the wait behind other prompts,`
      : "";
  return `${way}${waits} gives way first; ${boundText(limit)}`;
}
