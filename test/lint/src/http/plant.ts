import type { FastifyInstance } from "fastify";
import type { Config } from "../config/config.ts";
import type { Gateway } from "../serving/gateway.ts";

export type All = [FastifyInstance, Config, Gateway];

/** Neither a dynamic import nor an import type gets round the table. */
export type Store = import("../store/memory/store.ts").Store; // breaks plimsoll(import-table)
export const store = await import("../store/memory/store.ts"); // breaks plimsoll(import-table)
