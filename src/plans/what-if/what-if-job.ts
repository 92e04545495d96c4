import type { PoolFacts } from "./pool-facts.ts";
import type { WhatIfQuestion } from "./question.ts";

/** What a thread is asked. */
export interface WhatIfJob {
  readonly question: WhatIfQuestion;
  readonly facts: PoolFacts;
  /** Of the facts: the same number, the same facts. */
  readonly facing: number;
}
