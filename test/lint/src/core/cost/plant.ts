import type { Shares } from "../shares/shares.ts"; // breaks plimsoll(import-table)
import type { Load } from "../../model/load.ts";
import type { Gate } from "../gate/gate.ts";

export type All = [Shares, Load, Gate];
