import type { Gate } from "../../core/gate/gate.ts"; // breaks plimsoll(import-table)
import type { Twin } from "../../twin/twin.ts";

export type Both = [Gate, Twin];
