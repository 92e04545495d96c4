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
    return "the gateway does not know the type of GPU of these servers: give it with the question (gpu), or to plan --pool (--gpu)";
  return typeof measured === "string" ? NOT_MEASURED[measured] : null;
}

/** What is said of the command's options, said of a question's fields. */
export function asFields(text: string): string {
  return text.replaceAll(/--([a-z][a-z0-9-]*)/g, (_, name: string) => fieldOf({ name }));
}
