import type { SnapshotStore } from "../../control/snapshot-store.ts";
import type { Engine } from "../../serving/engine.ts"; // breaks plimsoll(import-table)

export type Both = [SnapshotStore, Engine];
