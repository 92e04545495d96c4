import type { Arm } from "../../routing/locality/arms.ts";

/** Where a request is in flight. */
export interface Sent {
  readonly arm: Arm;
  /** Its pool, and the one it would have gone to by its experts: another only in the shadow. */
  readonly at: number;
  readonly would: number;
  readonly tokens: number;
  /** The batches of expected steps that it counts for; null for none. */
  readonly series: number | null;
}
