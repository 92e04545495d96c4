import type { Rank } from "./rank.ts";
import type { StepWork } from "./step-work.ts";

/** How an engine chooses what one of its ranks forwards next. Each rank has its own. */
export interface StepOrder {
  compose(rank: Rank, work: StepWork): void;
  /** Requests have left the rank, or it has become empty. */
  departed(): void;
}
