import type { ScheduledRequest } from "./load.ts";
import type { RequestRecord } from "./request-record.ts";

/** A request that waits for its time, made ready. */
export interface Waiting {
  readonly startMs: number;
  readonly scheduled: ScheduledRequest;
  readonly requestId: string;
  readonly body: string;
  readonly sent: (sent: boolean) => void;
  readonly ended: (record: RequestRecord | null) => void;
}
