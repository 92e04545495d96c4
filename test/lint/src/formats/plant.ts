import { readFile } from "node:fs/promises"; // breaks plimsoll(import-table)
import { parse } from "csv-parse/browser/esm/sync";
import { z } from "zod"; // breaks plimsoll(import-table)
import type { Load } from "../model/load.ts";

export type All = [typeof readFile, typeof parse, typeof z, Load];
