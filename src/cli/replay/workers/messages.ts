import type { LoadPlan } from "../../../replay/load/load-plan.ts";
import type { Share } from "../../../replay/load/share.ts";
import type { LiveMeasures } from "../../../replay/measures/live-measures.ts";
import type { ReplayParts } from "../../../replay/replay.ts";
import type { RequestRecord } from "../../../replay/request-record.ts";
import type { ReplayFlags } from "../flags.ts";
import type { TraceState } from "../player.ts";

/** An error as another process can have it. */
export interface SentError {
  readonly message: string;
  /** It is the user's to mend. */
  readonly input: boolean;
}

/** To a worker. Answers: `ready` to `open`, `done` to `play`; `failed` to either. */
export type Order =
  | { readonly kind: "open"; readonly flags: ReplayFlags; readonly model: string; readonly share: Share }
  | {
      readonly kind: "play";
      readonly plan: LoadPlan;
      /** By the machine's monotonic clock, nanoseconds, which is the same in every process. */
      readonly beginsAtNs: bigint;
      /** Position of the request that comes first: where the farthest of the processes stopped. */
      readonly from: number;
    }
  /** Cuts what is in flight. */
  | { readonly kind: "stop" };

/** From a worker. */
export type Said =
  | { readonly kind: "ready" }
  | { readonly kind: "records"; readonly records: readonly RequestRecord[]; readonly live: LiveMeasures }
  | {
      readonly kind: "done";
      readonly parts: ReplayParts;
      /** When its last answer was in, milliseconds since the load began. */
      readonly endedMs: number;
      readonly broken: SentError | null;
      readonly trace: TraceState;
      /** Of the request that would have come next. */
      readonly position: number;
    }
  | { readonly kind: "failed"; readonly error: SentError };
