import type { Gateway } from "../serving/gateway.ts"; // breaks plimsoll(import-table)
import type { Gate } from "../core/gate/gate.ts";

export type Both = [Gateway, Gate];
