import type { Meter } from "@opentelemetry/api";
import type { Config } from "../config/config.ts"; // breaks plimsoll(import-table)

export type Both = [Meter, Config];
