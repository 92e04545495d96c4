import type { Clock } from "../../planner/right-sizing/clock.ts";
import { fieldOf } from "../question-keys.ts";
import type { PoolFacts } from "./pool-facts.ts";
import type { WhatIfQuestion } from "./question.ts";

const NOT_MEASURED = {
  restarted: "the gateway began to count anew in the last minute",
  idle: "no request was answered in the last minute: there is no traffic to multiply",
  "no lengths": "the lengths of prompts and answers are not known yet",
};

/** Why nothing can be said of other traffic, in a clause; null where it can. */
export function whyNotTraffic({ gpu }: WhatIfQuestion, { found, measured }: PoolFacts): string | null {
  if (gpu === null && (found.front.deployment?.gpu ?? null) === null)
    return "the gateway does not know the type of GPU of these servers; it can be given (gpu)";
  return typeof measured === "string" ? NOT_MEASURED[measured] : null;
}

/** What is said of the command's options, said of a question's fields. */
export function asFields(text: string): string {
  return text.replaceAll(/--([a-z][a-z0-9-]*)/g, (_, name: string) => fieldOf({ name }));
}

/** What is said of all ranks while some are away. */
export function awayNotes({ found: { front } }: PoolFacts): string[] {
  const lost = front.control?.ranks.filter((state) => state === "lost").length ?? 0;
  if (lost === 0) return [];
  return [
    `${lost} ${lost === 1 ? "rank is" : "ranks are"} lost: what is in force is of the others, all else of all`,
  ];
}

/** Further apart, the model is of another pool. */
const FAR = 1.5;

/** Where what is measured is far from what the model says of it. */
export function clockNotes({ steps, ttft }: Clock): string[] {
  const far = (times: number) => Math.max(times, 1 / times) > FAR;
  return [
    ...(far(steps)
      ? [
          `steps take × ${steps.toFixed(2)} of what the model says: take the shape of the curves, not their figures`,
        ]
      : []),
    ...(far(ttft)
      ? [
          `first tokens take × ${ttft.toFixed(2)} of what the model says at its p95: take the shape of their curve`,
        ]
      : []),
  ];
}
