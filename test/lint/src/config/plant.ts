import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { Gate } from "../core/gate/gate.ts"; // breaks plimsoll(import-table)

export type All = [typeof readFile, typeof z, Gate];
