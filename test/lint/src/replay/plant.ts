import { request } from "undici";
import type { Trace } from "../formats/trace.ts";
import type { Twin } from "../twin/twin.ts"; // breaks plimsoll(import-table)

export type All = [typeof request, Trace, Twin];
