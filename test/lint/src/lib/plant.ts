import type { Load } from "../model/load.ts"; // breaks plimsoll(import-table)
import type { Rng } from "./rng.ts";

export type Both = [Load, Rng];
