import type { Gateway } from "./serving/gateway.ts";
import { Command } from "commander"; // breaks plimsoll(import-table)

export type Both = [Gateway, Command];
