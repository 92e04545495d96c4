import type { Tracker } from "../core/load/tracker.ts"; // breaks plimsoll(import-table)
import type { Snapshot } from "../model/snapshot.ts";

export type Both = [Tracker, Snapshot];
