import type { ExpertSignature } from "./locality-router.ts";

/** What one request's pool is chosen by, where it counts which experts it uses. */
export interface LocalityQuestion {
  /** Null where nothing is known. */
  readonly signature: ExpertSignature | null;
  /** Whether the request goes where its like are; else that is only noted. */
  readonly acts: boolean;
  /** Set by each choice: where its like are; −1 where nothing is known of that. */
  place: number;
}
