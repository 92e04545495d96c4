import { decimals } from "../lib/number-text.ts";
import type { BindingLimit } from "../planner/binding-limit.ts";

/** A unit's pools. @param prefill null where the same GPUs do both */
export function poolsText(prefill: string | null, decode: string): string {
  return prefill === null
    ? `${decode}, prompts and answers together`
    : `a pool for prompts (${prefill}) beside one for answers (${decode})`;
}

export function limitText({ name, gain, first }: Pick<BindingLimit, "name" | "gain" | "first">): string {
  const way =
    first === "room or time"
      ? "room or time for more"
      : `the time ${first === "first token" ? "to the first token" : "between tokens"}`;
  const what =
    name === "steps"
      ? "the fixed time of steps: twice of anything else is worth less than 2 %"
      : `${name}: twice of it would carry ${decimals(100 * gain, 0)} % more`;
  return `${way} gives way first; ${what}`;
}
