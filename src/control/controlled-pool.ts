import type { ControlLoop } from "./control-loop.ts";
import type { Simulation } from "../model/simulation.ts";
import type { LoadInbox } from "./ingest/load-inbox.ts";

/** A pool with an expert plane, and this gateway's part in its control. */
export interface ControlledPool {
  readonly loop: ControlLoop;
  /** How many times as long as with all GPUs level its steps may take. */
  readonly loadLine: number;
  /** How long its ranks may take to prepare a stage of a rollout, and to switch to it. */
  readonly prepareTimeoutMs: number;
  /** Where its ranks report loads; null where they are in this process. */
  readonly inbox: LoadInbox | null;
  /** What can be done to its ranks where they are simulated, in this process; else null. */
  readonly simulation: Simulation | null;
}
