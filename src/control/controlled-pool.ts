import type { ControlLoop } from "./control-loop.ts";
import type { LoadInbox } from "./ingest/load-inbox.ts";
import type { RecorderPull } from "./ingest/recorder-pull.ts";
import type { RoutedReports } from "./ingest/routed-reports.ts";

/** A pool with an expert plane, and this gateway's part in its control. */
export interface ControlledPool {
  readonly loop: ControlLoop;
  /** Where its ranks report loads; null where they are in this process. */
  readonly inbox: LoadInbox | null;
  /** Loads estimated from answers; null where they are not looked into. */
  readonly routed: RoutedReports | null;
  /** Loads fetched from engines; null where they are not asked. */
  readonly pull: RecorderPull | null;
}
