import type { Packing } from "../core/placement/packing.ts"; // breaks plimsoll(import-table)
import type { Rng } from "../lib/rng.ts";

export type Both = [Packing, Rng];
