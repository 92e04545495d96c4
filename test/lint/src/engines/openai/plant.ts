import type { Plane } from "../../control/expert-plane.ts";
import type { Loop } from "../../control/loop.ts"; // breaks plimsoll(import-table)
import type { Engine } from "../../serving/engine.ts";
import type { Twin } from "../../twin/twin.ts"; // breaks plimsoll(import-table)
import type { Pool } from "../simulated/pool.ts"; // breaks plimsoll(import-table)

export type All = [Plane, Loop, Engine, Twin, Pool];
