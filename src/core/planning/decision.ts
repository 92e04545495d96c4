import type { Moves } from "../migration/moves.ts";
import type { Explanation } from "./explanation.ts";
import type { Plan } from "./plan.ts";

/** What a pool is to do next, and why. */
export interface Decision {
  /** `keep`: leave everything as it is; `shares`: publish the plan; `placement`: prepare, then publish it. */
  readonly kind: "keep" | "shares" | "placement";
  /** One sentence for a person: what was weighed and what came of it. */
  readonly reason: string;
  readonly explanation: Explanation;
  /** Why there is no new placement; null where there is one, or that was not the question. */
  readonly kept: string | null;
  /** What shares alone come to; null where there is a new placement. */
  readonly shares: { readonly reason: string; readonly explanation: Explanation } | null;
  readonly plan: Plan;
  readonly moves: Moves;
}

/** What is left when ranks are lost. */
export interface Survival {
  /** What is in force without them: needs no weights moved, and may lack experts. */
  readonly plan: Plan;
  /** Brings the missing experts back, as far as there are slots, by the fewest moves; null where nothing can be. */
  readonly repair: Plan | null;
}
